"""How commands end: what was computed is kept and shown, whatever the terminal, the disk or a signal does."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from commands import ROOT, TINY, few_digits, last_step, new_terminal, refused, run, signal_when, succeed, train
from lanes import KERAS

BARE = ["--no-evaluate", "--no-export"]
# What a terminal knows, as the environment says it.
ASCII = {"PYTHONIOENCODING": "ascii"}
LATIN_1 = {"PYTHONIOENCODING": "latin-1"}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Path:
    """A run that was trained, judged and published in front of a terminal that knows ASCII only."""
    folder = tmp_path_factory.mktemp("data")
    few = few_digits(folder, 30, 30)
    done = train(*few, "--steps", 4, "--logs", folder / "logs", "--name", "größer", env={**os.environ, **ASCII})
    shown = succeed(done)
    assert "fd_lenet v" in shown and "recall ^" in shown and "^ better when higher, v when lower" in shown
    assert "gr\\xf6\\xdfer" in shown and shown.isascii()
    assert (folder / "logs" / "größer" / "export" / "mnist" / "1" / "saved_model.pb").is_file()
    return folder / "logs" / "größer"


@pytest.mark.parametrize("terminal", [LATIN_1, C_LOCALE])
def test_any_terminal_shows_a_judgement(judged, tmp_path, terminal):
    folder = shutil.copytree(judged, tmp_path / "run")  # TensorFlow takes paths in UTF-8 only
    files = ["--json", tmp_path / "record.json", "--report", tmp_path / "report.html"]
    done = run("evaluate.py", folder, "--num-samples", 20, *files, env={**os.environ, **terminal})
    assert "fd_lenet v" in succeed(done)
    assert json.loads((tmp_path / "record.json").read_text())["num_generated"] == 20
    assert "↓" in (tmp_path / "report.html").read_text("utf-8")


def test_help_and_mistakes_in_a_terminal_that_knows_ascii_only():
    environment = {**os.environ, **ASCII}
    assert "--steps" in succeed(train("--help", env=environment))
    assert "'größe'" not in refused(train("--dataset", "größe", env=environment))


def obey_permissions() -> None:
    """Root, too, then goes by the permissions of files (Linux; elsewhere tests are no root)."""
    if os.geteuid() == 0:
        drop_from_bounding_set, dac_override = 24, 1
        assert ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override) == 0


def test_a_run_that_takes_no_files_is_judged_all_the_same(judged, tmp_path):
    folder = Path(shutil.copytree(judged, tmp_path / "run"))
    folders = [path for path in (folder, *folder.rglob("*")) if path.is_dir()]
    for path in folders:
        path.chmod(0o555)
    arguments = ["evaluate.py", folder, "--num-samples", 20, "--json", tmp_path / "record.json"]
    shown = succeed(run(*arguments, preexec_fn=obey_permissions))
    for path in folders:
        path.chmod(0o755)
    assert shown.splitlines()[0].startswith(f"{folder} takes no files: the figures are shown")
    assert "fd_lenet" in shown
    assert json.loads((tmp_path / "record.json").read_text())["num_generated"] == 20
    assert [path.name for path in (folder / "evaluation").glob("*.json")] == ["4.json"]


def test_a_disk_that_fills_up_costs_only_what_did_not_fit(judged, tmp_path):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    folder = Path(shutil.copytree(judged, tmp_path / "run"))
    files = ["--json", tmp_path / "record.json", "--report", tmp_path / "report.html"]
    done = run("evaluate.py", folder, "--num-samples", 21, *files, preexec_fn=limit)
    assert "File too large" in refused(done, status=1)
    assert "fd_lenet" in done.stdout
    assert json.loads((tmp_path / "record.json").read_text())["num_generated"] == 21
    assert not (tmp_path / "report.html").exists()


@pytest.fixture(params=["reader gone", "disk full"])
def nowhere(request):
    """What standard output is when nothing can be written to it, and what is said of it."""
    if request.param == "disk full":
        if not Path("/dev/full").exists():
            pytest.skip("needs Linux' /dev/full")
        end, said = os.open("/dev/full", os.O_WRONLY), "No space left on device"
    else:
        reader, end = os.pipe()
        os.close(reader)
        said = "has closed it"
    yield end, said
    os.close(end)


def ended(end: int, *arguments: object, **options) -> tuple[int, str]:
    """Exit status and standard error of `python <arguments>`, its standard output being `end`."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, stdout=end, **{"stderr": subprocess.PIPE, **options}, text=True, timeout=120
    )
    assert "Traceback" not in (done.stderr or "") and "Exception ignored" not in (done.stderr or ""), done.stderr
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("command", [["-m", "aigc_tf"], ["train.py"], ["-m", "aigc_tf", "list"]])
def test_help_that_cannot_be_printed_is_a_fault_in_a_sentence(nowhere, command, buffered):
    end, said = nowhere
    environment = os.environ if buffered else {**os.environ, "PYTHONUNBUFFERED": "1"}
    status, errors = ended(end, *command, "--help", env=environment)
    assert status == 1 and said in errors


def test_a_mistake_stays_one_where_nothing_can_be_printed(nowhere):
    end, _ = nowhere
    assert ended(end, "-m", "aigc_tf", "exprot")[0] == 2
    assert ended(end, "-m", "aigc_tf", "exprot", stderr=end)[0] == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_an_output_that_was_closed_before_is_no_fault(closed):
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} train.py --dry-run --dataset synthetic {closed}",
        shell=True,
        cwd=ROOT,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_table_for_nobody_is_told(nowhere, tmp_path):
    (tmp_path / "models" / "1").mkdir(parents=True)
    (tmp_path / "models" / "1" / "saved_model.pb").touch()
    end, said = nowhere
    for unbuffered in ("", "1"):
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        status, errors = ended(end, "-m", "aigc_tf", "list", tmp_path / "models", env=environment)
        assert status == 1 and said in errors


def test_training_is_kept_and_what_cannot_be_printed_is_told(nowhere, tmp_path):
    end, said = nowhere
    status, errors = ended(end, "train.py", *TINY, *BARE, "--steps", 5, "--logs", tmp_path, "--name", "run")
    assert status == 1 and said in errors
    assert last_step(tmp_path / "run") == 5


@pytest.mark.parametrize("nowhere", ["reader gone"], indirect=True)
def test_stopped_early_stays_that_where_nothing_can_be_printed(nowhere, tmp_path):
    end, _ = nowhere
    arguments = ["train.py", *TINY, *BARE, "--steps", 100_000, "--logs", tmp_path, "--name", "run"]
    command = [sys.executable, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=end, stderr=subprocess.DEVNULL)
    while last_step(tmp_path / "run") < 5:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 75


def test_too_few_images_to_judge_are_told_before_training(tmp_path):
    for (training, held_out), every in (((1, 5), 0), ((5, 1), 2)):
        few = few_digits(tmp_path, training, held_out)
        line = refused(train(*few, "--steps", 4, "--evaluate-every", every, "--logs", tmp_path / "logs"))
        assert "at least 2" in line and "--no-evaluate" in line
        assert not (tmp_path / "logs").exists()


def test_what_fails_behind_training_is_told_with_the_command_that_does_it_again(judged, tmp_path):
    folder = Path(shutil.copytree(judged, tmp_path / "it's mine"))
    shutil.rmtree(folder / "evaluation")
    (folder / "evaluation").write_text("a file in the way")
    for file in (folder / "curves.png", folder / "report.html"):
        file.unlink()
        file.mkdir()
    done = train("--resume", folder)
    line = refused(done, status=1)
    assert re.search(r"checkpoints in .* are safe, but drawing the curves failed \(.*\).*; judging failed \(.*\)", line)
    assert re.search(r"writing its report failed \(.*\): once that is mended, python -m aigc_tf report ", line)
    assert f"python evaluate.py {shlex.quote(str(folder))}" in line
    assert "fd_lenet" in done.stdout  # it was judged, and shown
    assert f"published: {folder}/export/mnist/2" in done.stdout
    (folder / "evaluation").unlink()
    (folder / "curves.png").rmdir()
    (folder / "report.html").rmdir()
    shutil.rmtree(folder / "export")
    (folder / "export").write_text("a file in the way")
    line = refused(train("--resume", folder, "--no-evaluate"), status=1)
    assert "judging" not in line and "exporting failed (cannot export to" in line
    assert line.endswith(f"python -m aigc_tf export {shlex.quote(str(folder))}")


def test_a_hang_up_of_the_terminal_is_a_stop_like_others(tmp_path):
    """The terminal is gone when the signal comes: neither the bar nor the last words may cost the checkpoint."""
    master, slave = new_terminal()
    os.set_blocking(master, False)

    def own_the_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which the tests may have been told to ignore
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    arguments = ["train.py", *TINY, *BARE, "--steps", 100_000, "--logs", tmp_path, "--name", "run"]
    command = [sys.executable, *map(str, arguments)]
    ends = {"stdin": slave, "stdout": slave, "stderr": slave}
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=own_the_terminal, **ends)
    os.close(slave)
    while last_step(tmp_path / "run") < 5:
        assert process.poll() is None
        time.sleep(0.01)
        with contextlib.suppress(BlockingIOError):
            os.read(master, 4096)
    os.close(master)
    try:
        assert process.wait(timeout=60) == 75
    finally:
        process.kill()
    newest = max(int(path.stem[5:]) for path in (tmp_path / "run" / "checkpoints").glob("step-*.index"))
    assert newest >= last_step(tmp_path / "run")


def test_a_run_under_nohup_goes_on(tmp_path):
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    folder = tmp_path / "run"
    arguments = ["train.py", *TINY, *BARE, "--steps", 60, "--logs", tmp_path, "--name", "run"]
    process = signal_when(arguments, signal.SIGHUP, lambda: last_step(folder) >= 5, preexec_fn=ignore)
    assert process.returncode == 0 and "trained to step 60" in process.output


# Sends Ctrl-C while a module is imported, as a person does who finds a slip in what was just typed.
INTERRUPTER = """
import os, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPT_AT"]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
"""


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (["train.py"], "tyro"),
        (["train.py"], "tensorflow.python.pywrap_tensorflow"),
        (["train.py"], "tensorflow.python._pywrap_tensorflow_internal"),
        (["train.py"], "aigc_tf.trainer"),
        (["evaluate.py", "--samples", ".", "--dataset", "synthetic"], f"{KERAS}.src.engine"),
        (["-m", "aigc_tf", "list", "."], "aigc_tf.commands"),
    ],
)
def test_ctrl_c_in_the_first_seconds_is_one_line(tmp_path, command, module):
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTER)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "INTERRUPT_AT": module}
    done = run(*command, env=environment, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    assert (done.returncode, done.stderr, done.stdout) == (130, "interrupted\n", "")


def test_what_draws_at_each_step_is_not_called_slow(tmp_path):
    often = ["--sample-every", 1, "--histogram-every", 1, "--log-every", 1]
    done = train(*TINY, *BARE, *often, "--steps", 12, "--logs", tmp_path)
    succeed(done)
    assert "slow" not in done.stderr, done.stderr
