"""The command lines as a person meets them."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT, TINY, few_digits, in_a_terminal, refused, run, succeed, train

from aigc_tf.commands import COMMANDS
from aigc_tf.datasets import DATASETS
from aigc_tf.families.gan.networks import NETWORKS
from aigc_tf.parts.losses import GAN_LOSSES
from aigc_tf.parts.optimizers import OPTIMIZERS
from aigc_tf.parts.penalties import PENALTIES
from aigc_tf.presets import PRESETS


def cpu_seconds_of(*command: object) -> tuple[float, str]:
    """What a process of its own spends, and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = succeed(run(*command, fresh=True))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, shown


@pytest.mark.parametrize(
    "command",
    [
        *(["train.py"], ["evaluate.py"], ["-m", "aigc_tf"], *(["-m", "aigc_tf", name] for name in COMMANDS)),
        ["-m", "aigc_tf", "data", "check"],
        ["-m", "aigc_tf", "data", "convert"],
    ],
)
def test_help_is_quick_and_complete(command):
    """Under a second of CPU time, which leaves no room for importing TensorFlow. On a machine that others slow down, at
    most eight times what importing the library of the flags takes there (2 to 5 are usual; TensorFlow adds 20)."""
    for _attempt in range(3):
        seconds, shown = cpu_seconds_of(*command, "--help")
        most = 1.0 if seconds < 1.0 else 8 * cpu_seconds_of("-c", "import tyro")[0]
        if seconds < most:
            break
    assert seconds < most
    assert "usage: " in shown
    if command == ["train.py"]:
        flat = re.sub(r"[│\s]+", " ", shown)
        for registry in (DATASETS, GAN_LOSSES, NETWORKS, OPTIMIZERS, PENALTIES, PRESETS):
            for name in registry:
                assert name in flat


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stepz", "3"], "--stepz.*--steps"),
        (["--steps", "x"], "--steps.*'x'"),
        (["--steps"], "--steps"),
        (["--generator-widths", "4", "x"], "^error: Error parsing --generator-widths: invalid literal for int.*'x'"),
        (["--network", "dcgan", "--generator-widths", "4"], "generator_widths is for the network mlp only"),
        (["mnist"], "mnist"),
        (["--dataset", "mnsit"], "mnsit.*mnist, mnist_5k, fashion_mnist, cifar10, synthetic"),
        (["--loss", "gan"], "non_saturating.*relativistic"),
        (["--steps", "3", "--epochs", "2"], "one budget"),
        (["--preset", "best"], "dense-256"),
        (["--replicas", "2", "--jit-compile"], "jit_compile.*2 replicas"),
        (["--on-divergence", "pray"], "stop.*rollback"),
        (["--config", "/nowhere.json"], "/nowhere.json"),
        (["--resume", "/nowhere"], "/nowhere"),
        (["--data-dir", "/nowhere"], "/nowhere.*mnist.npz"),
        (["--replicas", "3", "--dataset", "synthetic"], "multiple"),
    ],
)
def test_mistakes_are_told_in_a_line_or_two(arguments, said):
    done = train(*arguments)
    assert re.search(said, refused(done)), done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr


def test_dry_run_tells_and_trains_nothing(tmp_path):
    shown = succeed(train(*TINY, "--dry-run", "--steps", 10**9, "--logs", tmp_path / "logs", "--name", "plan"))
    hours, speed = re.search(r"time +about (\d+) h \d+ min of training at ([\d,]+) images/s", shown).groups()
    assert int(hours) == pytest.approx(8 * 10**9 / float(speed.replace(",", "")) / 3600, rel=0.05)
    for part in (
        '"latent_dim": 8',
        "parameters",
        "FLOP",
        "memory",
        str(tmp_path / "logs" / "plan"),
        "1,000,000,000 steps",
    ):
        assert part in shown, shown
    assert not (tmp_path / "logs").exists()


def test_settings_come_from_preset_then_file_then_flags(tmp_path):
    def plan(*arguments: object) -> str:
        return succeed(train("--dry-run", "--dataset", "synthetic", "--logs", tmp_path, *arguments))

    assert '"network": "mlp"' in plan("--preset", "dense-256")
    assert '"epochs": 100.0' in plan("--preset", "dense-256")
    flags = plan("--preset", "dense-256", "--steps", 7)
    assert '"steps": 7' in flags and '"epochs": null' in flags
    (tmp_path / "some.json").write_text('{"loss": "hinge", "minutes": 2}')
    file = plan("--config", tmp_path / "some.json", "--latent-dim", 5)
    assert '"loss": "hinge"' in file and '"latent_dim": 5' in file and '"minutes": 2.0' in file


def test_resuming_cannot_change_the_model(tmp_path):
    succeed(train(*TINY, "--no-evaluate", "--no-export", "--steps", 5, "--logs", tmp_path, "--name", "run"))
    line = refused(train("--resume", tmp_path / "run", "--loss", "hinge"))
    assert "loss is non_saturating" in line and "steps" in line
    for other in (["--config", tmp_path / "run" / "config.json"], ["--preset", "dcgan"]):
        assert "cannot be combined" in refused(train("--resume", tmp_path / "run", *other))


def test_a_whole_run_with_relative_paths(tmp_path, monkeypatch):
    """From training to judging and exporting, as somebody types it who stands in the folder of their logs."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    few = [*few_digits(tmp_path, 30, 30), "--log-every", 5]

    def here(*arguments: object) -> str:
        return succeed(run(*arguments, cwd=tmp_path))

    assert "published: logs/run/export/mnist/1" in here(ROOT / "train.py", *few, "--steps", 5, "--name", "run")
    record = tmp_path / "logs" / "run" / "evaluation" / "5.json"
    figures = json.loads(record.read_text())["measures"]
    assert "fd_lenet" in here(ROOT / "evaluate.py", "logs/run")
    assert json.loads(record.read_text())["measures"] == figures  # as train.py had them, bit for bit
    assert here("-m", "aigc_tf", "export", "logs/run", "--to", "models/shapes").strip() == "models/shapes/1"
    (tmp_path / "logs").rename(tmp_path / "moved")
    assert "trained to step 7" in here(ROOT / "train.py", "--resume", "moved/run", "--steps", 7)


def test_a_closed_pipe_is_no_traceback_and_costs_no_training(tmp_path):
    arguments = [*TINY, "--no-evaluate", "--steps", 5, "--logs", tmp_path, "--name", "run"]
    command = [sys.executable, "train.py", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait() == 1
    assert "Traceback" not in errors and "closed it" in errors
    assert (tmp_path / "run" / "export" / "synthetic" / "1").is_dir()


def test_a_script_gets_the_folder_of_a_run_and_its_figures_and_nothing_else(tmp_path):
    few = [*few_digits(tmp_path, 30, 30), "--log-every", 5, "--no-export", "--steps", 5]
    trained = train(*few, "--logs", tmp_path, "--name", "run", "--quiet")
    assert succeed(trained) == f"{tmp_path / 'run'}\n"
    assert re.fullmatch("(WARNING: .*is not MNIST as it was published.*\n)+", trained.stderr)
    judged = run("evaluate.py", tmp_path / "run", "--quick", "--json", "-")
    assert json.loads(succeed(judged))["measures"]["fd_lenet"]["value"] > 0
    assert "warning" in judged.stderr.lower() and "fd_lenet" not in judged.stderr
    assert succeed(run("evaluate.py", tmp_path / "run", "--quick", "--quiet")) == ""
    compared = succeed(
        run("-m", "aigc_tf", "compare", tmp_path / "run", tmp_path / "run", "--json", "-", "--out", tmp_path / "c.png")
    )
    assert [each["step"] for each in json.loads(compared)["evaluations"]] == [5, 5]


def test_a_shell_completes_flags():
    program = """
        source <(python train.py --tyro-print-completion bash)
        COMP_WORDS=(./train.py --datas); COMP_CWORD=1
        _shtab_tyro_train_py ./train.py --datas ./train.py
        echo "${COMPREPLY[@]}"
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", program], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PATH": path}
    )
    assert done.stdout == "--dataset\n", done.stderr
    assert os.access(ROOT / "train.py", os.X_OK) and os.access(ROOT / "evaluate.py", os.X_OK)


def test_an_unknown_command_is_told(tmp_path):
    line = refused(run("-m", "aigc_tf", "exprot"))
    assert "'exprot' is not one of the commands: compare, export" in line and "(perhaps export?)" in line


def test_a_name_that_is_nearly_right_is_told():
    nearly = {"--preset": ("dc-gan", "dcgan"), "--dataset": ("MNSIT", "mnist"), "--network": ("lena", "lean")}
    for flag, (given, meant) in nearly.items():
        assert f"(perhaps {meant}?)" in refused(train(flag, given, fresh=True))
    assert "perhaps" not in refused(train("--network", "qqqq", fresh=True))


def test_an_unsupported_python_is_told_in_a_sentence():
    """As train.py does it first, under a version number that this machine need not have."""
    code = "import sys; sys.version_info = (3, 14, 0, 'final', 0); import runpy; runpy.run_path('train.py')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert re.fullmatch(r"aigc_tf needs Python 3\.10 to 3\.13 .*Python 3\.14.*\n", done.stderr)


def test_a_bar_in_a_terminal_and_lines_elsewhere(tmp_path):
    """Under a pseudo-terminal the progress is redrawn in place."""
    arguments = [*TINY, "--no-evaluate", "--no-export", "--steps", 12, "--logs", tmp_path]
    lines = train(*arguments, "--name", "lines").stderr
    assert "step 12/12: generator" in lines and "images/s" in lines and "left" in lines and "\r" not in lines
    status, shown = in_a_terminal("train.py", *arguments, "--name", "bar")
    assert status == 0
    assert "\r" in shown and "12/12" in shown and "images/s" in shown


def test_the_package_installs_with_its_weights(tmp_path):
    """A wheel holds all modules and the judges' weights."""
    done = run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", tmp_path, ROOT)
    if "invalid command 'bdist_wheel'" in done.stderr:
        pytest.skip("this environment's setuptools is too old to build wheels")
    succeed(done)
    import zipfile

    (wheel,) = Path(tmp_path).glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"aigc_tf/metrics/weights/lenet_mnist.npz", "aigc_tf/metrics/weights/filters.npz"} <= set(names)
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "aigc_tf").rglob("*.py")}
    assert modules <= set(names), modules - set(names)
