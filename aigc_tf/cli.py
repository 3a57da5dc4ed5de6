"""The command lines: `train.py`, `evaluate.py` and `python -m aigc_tf`.

Flags come from dataclasses through tyro. TensorFlow is imported only once the arguments are known to be good.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from aigc_tf import quiet
from aigc_tf.config import BUDGETS, TrainConfig
from aigc_tf.errors import DivergedError, UserError
from aigc_tf.presets import PRESETS
from aigc_tf.run_folder import RunFolder

T = TypeVar("T")

# What may change when a run goes on; everything else decides the model and is fixed by its first start.
_CHANGEABLE = {*BUDGETS, "data_dir", "checkpoint_every", "keep_checkpoints", "on_divergence", "evaluate", "export"}
# Faults of the machine or of permissions: told in a sentence, since no line of ours is to blame.
_STORAGE_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO}


@dataclasses.dataclass(frozen=True)
class _Start:
    """Where the settings come from; flags given beside it override them."""

    preset: Annotated[str | None, arg(help=f"Recipe to start from: {', '.join(PRESETS)}.")] = None
    config: Path | None = None
    """JSON file of settings, such as the config.json of a run."""
    resume: Path | None = None
    """Run folder to go on with, from its last checkpoint."""
    dry_run: bool = False
    """Print what would run (settings, sizes, costs, places) and train nothing."""


@dataclasses.dataclass(frozen=True)
class TrainCommand:
    """Train a generative model, judge it, and publish it for TensorFlow Serving."""

    start: OmitArgPrefixes[_Start]
    settings: OmitArgPrefixes[TrainConfig]


@dataclasses.dataclass(frozen=True)
class EvaluateCommand:
    """Judge a run: print a table and write evaluation/<step>.json in its folder."""

    run: Positional[Path]
    """Run folder, logs/<name>."""
    step: int | None = None
    """Step of the checkpoint to judge; by default the newest."""
    num_samples: int | None = None
    """Images to generate; by default as many as it was trained on, at most 10,000."""
    seed: int = 0
    """Which images are generated."""
    data_dir: Path | None = None
    """Folder that holds the data set's files, if not where the run found them."""


@dataclasses.dataclass(frozen=True)
class ExportCommand:
    """Publish a run's generator as the next version of a model for TensorFlow Serving."""

    run: Positional[Path]
    """Run folder, logs/<name>."""
    to: Path | None = None
    """Base path of the model, such as models/digits; by default export/<dataset> in the run folder."""
    step: int | None = None
    """Step of the checkpoint to publish; by default the newest."""


def train_main(arguments: list[str] | None = None) -> int:
    """`python train.py`; returns the exit status."""
    return _guarded(lambda: _train(sys.argv[1:] if arguments is None else arguments))


def evaluate_main(arguments: list[str] | None = None) -> int:
    """`python evaluate.py`; returns the exit status."""
    return _guarded(lambda: _evaluate(sys.argv[1:] if arguments is None else arguments))


def main(arguments: list[str] | None = None) -> int:
    """`python -m aigc_tf <command>`; returns the exit status."""
    return _guarded(lambda: _command(sys.argv[1:] if arguments is None else arguments))


def _train(arguments: list[str]) -> int:
    start, config = _parse_train(arguments)
    run = None if start.resume is None else RunFolder.open(start.resume)
    quiet.import_tensorflow()
    if start.dry_run:
        from aigc_tf import plan

        print(plan.describe(config, run))
        return 0
    from aigc_tf import trainer

    trainer.train(config, run)
    return 0


def _evaluate(arguments: list[str]) -> int:
    command = _parse(EvaluateCommand, arguments, "evaluate.py")
    run = RunFolder.open(command.run)
    quiet.import_tensorflow()
    from aigc_tf import evaluator

    record = evaluator.evaluate(
        run, step=command.step, num_samples=command.num_samples, seed=command.seed, data_dir=command.data_dir
    )
    evaluator.show(record)
    return 0


def _export(command: ExportCommand) -> int:
    run = RunFolder.open(command.run)
    quiet.import_tensorflow()
    from aigc_tf import export

    print(export.publish(run, command.to, command.step))
    return 0


_COMMANDS: dict[str, tuple[type[Any], Callable[[Any], int]]] = {"export": (ExportCommand, _export)}


def _command(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print("usage: python -m aigc_tf COMMAND [OPTIONS]\n")
        for name, (command, _) in _COMMANDS.items():
            print(f"  {name:<10}{command.__doc__}")
        print("\npython -m aigc_tf COMMAND --help tells the options. Training: train.py, judging: evaluate.py.")
        return 0
    if name not in _COMMANDS:
        raise UserError(f"{name!r} is not one of the commands: {', '.join(_COMMANDS)}")
    command, run = _COMMANDS[name]
    return run(_parse(command, arguments[1:], f"python -m aigc_tf {name}"))


def _parse_train(arguments: list[str]) -> tuple[_Start, TrainConfig]:
    """Settings of the preset, of the --config file or of the resumed run, with the flags over them."""
    start = _Start()
    if not {"-h", "--help"} & set(arguments):
        start, _ = _parse(_Start, arguments, "train.py", return_unknown_args=True, add_help=False)
    preset = start.preset or "default"
    if preset not in PRESETS:
        raise UserError(f"{preset!r} is not one of the presets: {', '.join(PRESETS)}")
    given = [f"--{name}" for name in ("preset", "config", "resume") if getattr(start, name) is not None]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} cannot be combined: each brings settings of its own")
    base = PRESETS[preset]
    if start.config is not None:
        try:
            base = TrainConfig.from_json(start.config.read_text(), str(start.config))
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read --config {start.config}: {error}") from None
    if start.resume is not None:
        base = RunFolder.open(start.resume).read_config()

    # A budget among the flags replaces whatever budget the base has.
    without_budget = dataclasses.replace(base, steps=None, epochs=None, minutes=None)
    default = TrainCommand(start, without_budget)
    config = _parse(TrainCommand, arguments, "train.py", default=default).settings
    if all(getattr(config, name) is None for name in BUDGETS):
        config = dataclasses.replace(config, steps=base.steps, epochs=base.epochs, minutes=base.minutes)
    if config.data_dir is not None:  # what the run records must hold in any working directory
        config = dataclasses.replace(config, data_dir=config.data_dir.expanduser().resolve())
    if start.resume is not None:
        _check_resumable(base, config, start.resume)
    return start, config


def _check_resumable(base: TrainConfig, config: TrainConfig, run: Path) -> None:
    for field in dataclasses.fields(TrainConfig):
        before, now = getattr(base, field.name), getattr(config, field.name)
        if before != now and field.name not in _CHANGEABLE:
            raise UserError(
                f"{field.name} is {before} in {run} and cannot become {now} midway. Changeable with --resume: "
                f"{', '.join(sorted(_CHANGEABLE))}; for a new run: --config {run}/config.json"
            )


def _parse(kind: type[T], arguments: list[str], program: str, **options: Any) -> Any:
    """tyro.cli, with its boxed error messages told in a line or two."""
    shown = io.StringIO()
    try:
        with contextlib.redirect_stderr(shown):
            return tyro.cli(kind, prog=program, args=arguments, **options)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise UserError(f"{_in_one_line(shown.getvalue())} ({program} --help lists all)") from None


def _in_one_line(boxed: str) -> str:
    """The first sentences of tyro's framed message, and the reasons that it lists."""
    lines = [line.strip("│ ") for line in boxed.splitlines() if line.startswith("│")]
    rule = next((i for i, line in enumerate(lines) if line.startswith("──")), len(lines))
    text = re.sub(r"\s+", " ", " ".join(lines[:rule]))
    reasons = re.findall(r"- <class '(?!NoneType)\w+'>: (.*?)(?= - <class|$)", text)
    if reasons:
        text = f"{text.partition(':')[0]}: {'; '.join(reasons)}"
    suggestion = next((line for line in lines[rule:] if line.startswith("--")), None)
    text = text.removeprefix("Error parsing settings: ")
    return text + (f"; perhaps you meant {suggestion}" if suggestion and "Unrecognized" in text else "")


def _guarded(command: Callable[[], int]) -> int:
    """Run a command: mistakes of a person and faults of a machine become a sentence and a status, bugs a traceback."""
    try:
        return command()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except DivergedError as error:
        print(f"error: training diverged: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more at exit
        print("error: whatever read our output has closed it (a pipe into head, say)", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno is not None and error.errno not in _STORAGE_FAULTS:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
