"""A process that has imported the libraries already, and becomes a command each time that it is asked to.

A command is a process of its own here, too: a fork of this one, which runs the script from its first line with the
arguments, the environment and the outputs it is given, and which Python ends as it ends any. What a fork saves is the
importing of libraries, five to seven seconds of CPU; what a command needs of this project it imports anew.
Where a command starts Python by itself, isolated, to check an export (`aigc_tf.verification`), that is a fork, too.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
from pathlib import Path
from typing import IO, Any

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
def _connection(python: str) -> socket.socket:
    """To the one such process of that Python of this process; it ends when the connection does."""
    ours, theirs = _pair()
    with theirs:
        command = [python, __file__, str(theirs.fileno())]
        nothing = subprocess.DEVNULL
        subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=nothing, stdout=nothing, env=_ENVIRONMENT)
    return ours


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Command:
    """`python <arguments>` in `cwd` while it runs; the arguments are a script, `-m` and a module or `-c` and a program.

    It prints to the files `out` and `err`. One that takes longer than `seconds` is ended by SIGALRM. The next one
    begins when somebody has waited for this. `server` leads to who becomes it: of this Python, unless told otherwise.

    Attributes:
        arguments: what it was given.
        pid: the number of its process.
        returncode: as of `subprocess.Popen`, None until it was seen to have ended.
    """

    def __init__(
        self,
        arguments: list[str],
        seconds: int,
        cwd: Path,
        out: IO[str],
        err: IO[str],
        server: socket.socket | None = None,
    ) -> None:
        self.arguments, self.returncode, self._server = arguments, None, server or _connection(sys.executable)
        request = json.dumps([arguments, dict(os.environ), seconds, str(cwd)]).encode()
        _ONE_AT_A_TIME.acquire()
        try:
            socket.send_fds(self._server, [request], [out.fileno(), err.fileno()])
            self.pid = self._told()
        except BaseException:
            _ONE_AT_A_TIME.release()
            raise

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._server], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._server], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.arguments, timeout or 0)
            try:
                self.returncode = self._told()
            finally:
                _ONE_AT_A_TIME.release()
        return self.returncode

    def _told(self) -> int:
        number = self._server.recv(100).decode()
        assert number, "the process with the libraries has ended: are all of requirements.txt installed for its Python?"
        return int(number)


def run(
    arguments: list[str], seconds: int, cwd: Path = ROOT, server: socket.socket | None = None
) -> subprocess.CompletedProcess:
    """The finished command, with its outputs as text."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        command = Command(arguments, seconds, cwd, out, err, server)
        try:
            status = command.wait()
        except BaseException:  # a Ctrl-C, say, which ends what was begun, as subprocess.run does
            with contextlib.suppress(ProcessLookupError):
                os.kill(command.pid, signal.SIGKILL)
            command.wait()
            raise
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, status, out.read(), err.read())


def run_by(python: str, arguments: list[str], seconds: int) -> subprocess.CompletedProcess:
    """The same by another Python."""
    return run(arguments, seconds, server=_connection(python))


def _become_what_is_asked(connection: socket.socket) -> list[str]:
    """The arguments of a command, each time in a new process; the process that listens never returns."""
    helpers: list[int] = []
    while True:
        request, outputs, _, _ = socket.recv_fds(connection, 1 << 20, 2)
        if not request:
            os._exit(0)  # nobody asks any more
        helpers = [pid for pid in helpers if not os.waitpid(pid, os.WNOHANG)[0]]
        # What the command starts is forked by a helper, which is what this process was before: a command has threads.
        to_helper, from_command = _pair()
        helper = os.fork()
        if helper == 0:
            for each in (connection, to_helper):
                each.close()
            for output in outputs:
                os.close(output)
            connection, helpers = from_command, []
            continue
        helpers.append(helper)
        child = os.fork()
        if child == 0:
            for each in (connection, from_command):
                each.close()
            _check_exports_by(to_helper)
            arguments, environment, seconds, cwd = json.loads(request)
            for end, output in zip((1, 2), outputs):
                os.dup2(output, end)
                os.close(output)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(cwd)
            signal.alarm(seconds)
            return arguments
        for each in (to_helper, from_command):
            each.close()
        for output in outputs:
            os.close(output)
        try:
            connection.send(str(child).encode())
            connection.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
        except BrokenPipeError:
            os._exit(0)  # who asked was killed meanwhile


def _check_exports_by(helper: socket.socket) -> None:
    """Let this process check exports (`aigc_tf.verification`) by asking there instead of by an isolated Python.

    Where a command forks, one of its processes alone may check: they share the connection.
    """
    started = subprocess.run

    def asked(*arguments: Any, **options: Any) -> subprocess.CompletedProcess:
        if not arguments or arguments[0][:5] != [sys.executable, "-I", "-X", "utf8", "-c"]:
            return started(*arguments, **options)
        assert options.keys() == {"capture_output", "encoding", "errors", "cwd"}, options
        return run(arguments[0][4:], 300, options["cwd"], helper)

    subprocess.run = asked


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
    first = os.getcwd() if sys.argv[0] in ("-c", "-m") else os.path.dirname(os.path.abspath(sys.argv[0]))
    sys.path[:1] = [first, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    if sys.argv[0] == "-c":
        program = sys.argv.pop(1)
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(program, "<string>", "exec"), vars(sys.modules["__main__"]))
    elif sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
