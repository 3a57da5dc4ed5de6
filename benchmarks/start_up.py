"""How long a person waits: from the command to the end of the first training step, and for `--help`.

    python -m benchmarks.start_up [--repetitions N] [flags of train.py]

Each command is a fresh process, in turns; figures are medians over repetitions, with the extremes, by the clock and in
CPU seconds (of all threads, so that more than the clock shows are possible). Files lie in the machine's cache: one
import before all others is not counted.

- first step    `train.py --steps 1` with whatever flags are given, otherwise the default command: until it reports
                step 1 on standard error, which it does behind all that belongs to that step, the building of its graph
                included. On the way, what can be seen from outside: the run folder (settings known, all imported,
                images loaded) and the checkpoint of step 0 in it (model built and saved)
- import        the modules that training needs, TensorFlow included, and nothing more
- --help        of train.py, evaluate.py and `python -m aigc_tf`, until the process has ended

Writes start_up.json and .md to --results.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.processes import cpu_seconds

ROOT = Path(__file__).parent.parent
IMPORT = "from aigc_tf import quiet; quiet.import_tensorflow(); import aigc_tf.trainer"
COMMANDS = {
    "import": ["-c", IMPORT],
    "train.py --help": ["train.py", "--help"],
    "evaluate.py --help": ["evaluate.py", "--help"],
    "python -m aigc_tf --help": ["-m", "aigc_tf", "--help"],
}
STAGES = ("run folder", "model", "first step")
_TARGETS = {"first step": 15.0, **{name: 1.0 for name in COMMANDS if name.endswith("--help")}}

Times = dict[str, float]
"""`seconds` by the clock and `cpu_seconds`, since the process was started."""


def whole(arguments: list[str]) -> Times:
    """Of a command from its start to its end. Raises RuntimeError, with what it said, where it fails."""
    with tempfile.TemporaryFile("w+") as output:
        begun = time.monotonic()
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{output.read()[-3000:]}")
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime}


def first_step(flags: list[str]) -> dict[str, Times]:
    """Of each of `STAGES` in a training of one step, from the start of the process."""
    with tempfile.TemporaryDirectory() as folder:
        run, log = Path(folder, "run"), Path(folder, "log")
        seen: dict[str, Callable[[], bool]] = {
            "run folder": run.exists,
            "model": (run / "checkpoints" / "checkpoint").exists,
            "first step": lambda: "step 1/1:" in log.read_text(),
        }
        command = [sys.executable, "train.py", *flags, "--steps", "1", "--no-evaluate", "--no-export"]
        with open(log, "w") as output:
            begun = time.monotonic()
            process = subprocess.Popen(
                [*command, "--logs", folder, "--name", "run"], cwd=ROOT, stdout=output, stderr=output
            )
        try:
            times = {}
            for stage in STAGES:
                while not seen[stage]():
                    if process.poll() is not None and not seen[stage]():
                        raise RuntimeError(f"{' '.join(command)} ended before its {stage}:\n{log.read_text()[-3000:]}")
                    time.sleep(0.005)
                times[stage] = {"seconds": time.monotonic() - begun, "cpu_seconds": cpu_seconds(process.pid)}
            return times
        finally:
            process.kill()
            process.wait()


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        [name, _middle(figures["commands"][name], "seconds"), _middle(figures["commands"][name], "cpu_seconds")]
        + [f"{_TARGETS[name]:g}" if name in _TARGETS else "-"]
        for name in (*STAGES, *COMMANDS)
    ]
    return (
        f"Medians of {figures['repetitions']} repetitions, with the lowest and highest. The first three are `train.py "
        f"{' '.join([*figures['flags'], '--steps 1'])}`, from its start until there is a run folder (all imported, "
        "images loaded), until the model is built and saved, and until the first step is done.\n\n"
        + record.table(["until", "seconds", "CPU seconds", "seconds, at most"], rows)
    )


def _middle(times: list[Times], unit: str) -> str:
    values = [each[unit] for each in times]
    return f"{statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.start_up", description=__doc__.splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--results", type=Path, default=record.RESULTS)
    options, flags = parser.parse_known_args()
    around = record.circumstances()
    whole(COMMANDS["import"])
    commands: dict[str, list[Times]] = {name: [] for name in (*STAGES, *COMMANDS)}
    for _ in range(options.repetitions):
        for stage, times in first_step(flags).items():
            commands[stage].append(times)
        for name, arguments in COMMANDS.items():
            commands[name].append(whole(arguments))
    private = ["..." if "/" in flag else flag for flag in flags]  # paths of somebody's machine
    figures = {"repetitions": options.repetitions, "flags": private, "commands": commands}
    record.write("start_up", "Start-up", around, figures, page(figures), options.results)
    print(page(figures))


if __name__ == "__main__":
    main()
