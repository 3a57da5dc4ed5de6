"""A command that begins in a process which has the libraries already is what it is elsewhere."""

import signal

import pytest
import warm
from commands import ROOT, refused, run, signal_when, succeed

pytestmark = pytest.mark.skipif(not warm.AVAILABLE, reason="such processes go on on Linux only")


@pytest.mark.parametrize("arguments", [["-m", "aigc_tf", "list", "nowhere"], ["train.py", "--stepz", "3"]])
def test_it_ends_and_prints_as_a_fresh_one(arguments):
    forked, fresh = warm.run(arguments, 60), run(*arguments, fresh=True)
    assert (forked.returncode, forked.stdout, forked.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)
    assert refused(forked) and forked.returncode == 2


def test_it_checks_exports_by_forks_which_find_what_fresh_processes_find(tiny_run):
    program = "import sys; print('tensorflow' in sys.modules, 'aigc_tf' in sys.modules, sys.argv[1:])"
    for flags, has_libraries in (["-I", "-X", "utf8"], True), (["-I"], False):
        begin = (
            f"import subprocess, sys; command = [sys.executable, *{flags}, '-c', {program!r}, 'x']; "
            "said = subprocess.run(command, capture_output=True, encoding='utf-8', errors='strict', cwd='/'); "
            "sys.stdout.write(said.stdout)"
        )
        assert succeed(warm.run(["-c", begin], 60)) == f"{has_libraries} False ['x']\n"
    verify = ["-m", "aigc_tf", "verify", tiny_run / "export" / "synthetic" / "1"]
    assert succeed(warm.run(list(map(str, verify)), 100)) == succeed(run(*verify, fresh=True))


def test_where_it_cannot_begin_the_next_one_is_not_kept_waiting():
    with pytest.raises((AssertionError, ConnectionError)):  # as it is seen, before or after what is asked
        warm.run_by("/bin/false", ["-c", "pass"], 60)
    assert succeed(warm.run(["-c", "print(1)"], 60)) == "1\n"


def test_it_has_the_environment_of_the_moment(monkeypatch, tmp_path):
    for home in (tmp_path / "one", tmp_path / "other"):
        monkeypatch.setenv("HOME", str(home))
        assert f"{home}/nothing" in refused(warm.run(["-m", "aigc_tf", "list", "~/nothing"], 60))


def test_it_has_nothing_of_the_project_and_no_device_yet(tmp_path):
    """Each command is to import our modules by itself, and TensorFlow is to see the processor from there."""
    (tmp_path / "look.py").write_text(
        "import sys, tensorflow as tf\n"
        "assert __name__ == '__main__' and sys.argv[1:] == ['x']\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('aigc_tf', 'commands', 'pytest')]\n"
        "tf.config.set_logical_device_configuration(\n"
        "    tf.config.list_physical_devices('CPU')[0], [tf.config.LogicalDeviceConfiguration()] * 3\n"
        ")\n"
        "print(len(tf.config.list_logical_devices('CPU')))\n"
    )
    assert succeed(warm.run([str(tmp_path / "look.py"), "x"], 60)) == "3\n"


def test_a_program_of_a_line_is_what_it_is_elsewhere():
    arguments = [
        "-c",
        "import sys; print(__name__, sys.argv, sys.path[0] in ('', sys.argv[-1]), len(globals()) < 12)",
        str(ROOT),
    ]
    assert succeed(warm.run(arguments, 60)) == succeed(run(*arguments, fresh=True))


def test_it_is_signalled_while_it_runs_and_says_so(tmp_path):
    (tmp_path / "wait.py").write_text("import time\nprint('begun', flush=True)\nopen('ready', 'w')\ntime.sleep(60)\n")
    command = ["-c", f"import os, runpy; os.chdir({str(tmp_path)!r}); runpy.run_path('wait.py')"]
    ended = signal_when(command, signal.SIGTERM, (tmp_path / "ready").exists)
    assert ended.returncode == -signal.SIGTERM and ended.output == "begun\n"
    with pytest.raises(AssertionError, match="ended too early: begun"):
        signal_when(["-c", "print('begun')"], signal.SIGTERM, lambda: False)
    assert warm.run(["-c", "raise SystemExit(3)"], 60).returncode == 3


def test_it_is_ended_where_it_takes_too_long(tmp_path):
    (tmp_path / "sleep.py").write_text("import time\ntime.sleep(60)\n")
    assert warm.run([str(tmp_path / "sleep.py")], 1).returncode == -signal.SIGALRM
