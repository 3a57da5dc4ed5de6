"""A process that has imported the libraries already, and becomes a command each time that it is asked to.

A command is a process of its own here, too: a fork of this one, which runs the script from its first line with the
arguments, the environment and the outputs it is given, and which Python ends as it ends any. What a fork saves is the
importing of libraries, five to seven seconds of CPU; what a command needs of this project it imports anew.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).parent.parent
AVAILABLE = sys.platform == "linux"  # macOS' own libraries do not go on in a fork
_LIBRARIES = (
    *("tensorflow_serving.apis.prediction_log_pb2", "tyro", "rich.table", "jinja2", "PIL.Image"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "scipy.stats", "scipy.cluster.vq"),
    *("sklearn.neighbors", "sklearn.metrics", "tensorboard.plugins.projector", "tensorboard.plugins.pr_curve.summary"),
)
_KERAS = "tf_keras" if sys.version_info >= (3, 12) else "keras"

_ENVIRONMENT = dict(os.environ)  # as it was before any test changed it
_ONE_AT_A_TIME = threading.Lock()


@functools.cache
def _connection() -> socket.socket:
    """To the one such process of this process; it ends when the connection does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, __file__, str(theirs.fileno())]
        nothing = subprocess.DEVNULL
        subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=nothing, stdout=nothing, env=_ENVIRONMENT)
    return ours


def run(arguments: list[str], seconds: int, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """The finished command `python <arguments>` in `cwd`, a script or `-m` and a module, with its outputs as text.

    A command that takes longer than `seconds` is ended by SIGALRM.
    """
    with _ONE_AT_A_TIME, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        request = json.dumps([arguments, dict(os.environ), seconds, str(cwd)]).encode()
        socket.send_fds(_connection(), [request], [out.fileno(), err.fileno()])
        status = _connection().recv(100).decode()
        assert status, "the process with the libraries has ended"
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, int(status), out.read(), err.read())


def _become_what_is_asked(connection: socket.socket) -> list[str]:
    """The arguments of a command, each time in a new process; the process that listens never returns."""
    while True:
        request, outputs, _, _ = socket.recv_fds(connection, 1 << 20, 2)
        if not request:
            os._exit(0)  # nobody asks any more
        child = os.fork()
        if child == 0:
            connection.close()
            arguments, environment, seconds, cwd = json.loads(request)
            for end, output in zip((1, 2), outputs):
                os.dup2(output, end)
                os.close(output)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(cwd)
            signal.alarm(seconds)
            return arguments
        for output in outputs:
            os.close(output)
        connection.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    from aigc_tf.quiet import import_tensorflow

    import_tensorflow()
    for library in (_KERAS, *_LIBRARIES):
        importlib.import_module(library)
    for module in [name for name in sys.modules if name.split(".")[0] == "aigc_tf"]:
        del sys.modules[module]
    gc.freeze()  # what is there stays there: forks need not look through it again and again
    sys.argv = _become_what_is_asked(socket.socket(fileno=int(sys.argv[1])))
    first = os.getcwd() if sys.argv[0] == "-m" else os.path.dirname(os.path.abspath(sys.argv[0]))
    sys.path[:1] = [first, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
