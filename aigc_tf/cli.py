"""The command lines: `train.py`, `evaluate.py` and `python -m aigc_tf`.

Flags come from dataclasses through tyro. TensorFlow is imported only once the arguments are known to be good.
"""

from __future__ import annotations

import dataclasses
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from aigc_tf import cluster, crew, interruption, json_files, quiet, terminal
from aigc_tf.command_line import check_writable, guarded, parse
from aigc_tf.commands import COMMANDS
from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.errors import FaultError, UserError, unknown
from aigc_tf.registry import Registry
from aigc_tf.run_folder import RunFolder
from aigc_tf.terminal import hushed, lasting_output, why_lost
from aigc_tf.train_command import parse_training

_FORM = ("image_size", "fit", "channels", "background", "max_bad")


@dataclasses.dataclass(frozen=True)
class EvaluateCommand:
    """Judge a model by images that it never saw: print a table and write JSON, a report and TensorBoard events.

    A run's figures go into its folder (evaluation/<step>.json, evaluation/<step>/report.html); those of an export or
    of images only where --json and --report say.
    """

    subject: Positional[Path | None] = None
    """Run folder, logs/<name>, or an export: a version's folder, or the model's base path for its newest version."""
    samples: Path | None = None
    """Judge these images instead, made by anything at all: a folder of image files, or an .npz with one array uint8
    [N, H, W, C]; --dataset or --reference says against what."""
    reference: Path | None = None
    """Real images that --samples are held against, in a folder or an .npz: no data set is needed then."""
    dataset: Annotated[
        str | None, arg(help=f"What --samples are to look like: {', '.join(DATASETS)}, or a source as for train.py.")
    ] = None
    data_dir: Path | None = None
    """Folder that holds the data set's files, if not where the run found them."""
    image_size: str | None = None
    """Of images of your own in --dataset, as for train.py: pixels on both sides (64), or HEIGHTxWIDTH (64x96)."""
    fit: Literal["crop", "pad", "stretch"] | None = None
    """How such images of another shape come to that size."""
    channels: Literal["gray", "colour", "alpha"] | None = None
    """What is looked at of such an image."""
    background: str | None = None
    """Colour that transparency of such images is laid on, and borders have."""
    max_bad: float | None = None
    """Share of such files that may be unreadable."""
    step: int | Literal["best"] | None = None
    """Step of a run's checkpoint to judge, or the best that --evaluate-every found; by default the newest."""
    weights: Literal["ema", "raw"] = "ema"
    """Judge the moving average of a run's weights, or the trained ones themselves."""
    num_samples: int | None = None
    """Images to generate; by default as many as it was trained on, at most 10,000 (2,000 with --quick)."""
    seed: int = 0
    """Which images are generated."""
    quick: bool = False
    """Judge by the few quick measures alone, as --evaluate-every does."""
    workers: int = 1
    """Processes that sample and look side by side: the same figures, sooner where one leaves processors idle. Each
    opens model and judges for itself, in some seconds and half a gigabyte."""
    extractor: str | None = None
    """What makes the features: lenet (the data set's small classifier; the default where images carry labels), filters
    (for any images; the default for those without), inception (for FID), or the path of a Keras model or SavedModel."""
    json: Path | None = None
    """Write the record to this file (too); - is standard output, which holds nothing else then."""
    report: Path | None = None
    """Write the report to this file (too)."""
    quiet: bool = False
    """Print nothing but warnings and errors."""

    def __post_init__(self) -> None:
        if (self.subject is None) == (self.samples is None):
            raise UserError("give one of: a run folder, an export, or --samples FOLDER")
        if (self.samples is None) != (self.dataset is None and self.reference is None):
            raise UserError(
                "--samples and --dataset (or --reference) go together: images to judge, and what they are to look like"
            )
        if self.reference is not None and (self.dataset or self.data_dir) is not None:
            raise UserError(
                "--reference stands in the place of a data set: give neither --dataset nor --data-dir with it"
            )
        if self.held_against is not None:
            self.held_against.check_place_is_told_once()
        elif given := [name for name in _FORM if getattr(self, name) is not None]:
            raise UserError(f"{', '.join(given)} say how images of --dataset are read: give that with --samples")
        if not self.judges_run and (self.step is not None or self.weights != "ema"):
            raise UserError("--step and --weights choose among what a run keeps: give a run folder")

        for name, file in (("--json", self.json), ("--report", self.report)):
            if file is not None:
                check_writable(name, file)
        if (self.num_samples is not None and self.num_samples < 2) or self.seed < 0:
            raise UserError("--num-samples must be at least 2, and --seed at least 0")
        crew.check(self.workers)

    @property
    def held_against(self) -> DataConfig | None:
        """The data that --samples are held against; None where that is not a data set."""
        if self.dataset is None:
            return None
        form = {name: getattr(self, name) for name in _FORM}
        return DataConfig(dataset=self.dataset, data_dir=self.data_dir, **form)

    @property
    def judges_run(self) -> bool:
        """Whether the subject is a run folder, or nothing that we know."""
        if self.subject is None or (self.subject / "config.json").is_file():
            return self.subject is not None
        return not any(self.subject.glob("**/saved_model.pb"))


def train_main(arguments: list[str] | None = None) -> int:
    """`python train.py`; returns the exit status."""
    return guarded(lambda: _train(sys.argv[1:] if arguments is None else arguments))


def evaluate_main(arguments: list[str] | None = None) -> int:
    """`python evaluate.py`; returns the exit status."""
    return guarded(lambda: _evaluate(sys.argv[1:] if arguments is None else arguments))


def main(arguments: list[str] | None = None) -> int:
    """`python -m aigc_tf <command>`; returns the exit status."""
    return guarded(lambda: _command(sys.argv[1:] if arguments is None else arguments))


def _train(arguments: list[str]) -> int:
    start, config = parse_training(arguments)
    run = None if start.resume is None else RunFolder.open(start.resume)
    if run is not None:
        run.choose_kernels()
    together = config.strategy == "multi-worker"
    if together:
        cluster.read()  # a mistake there is told at once
    quiet.import_tensorflow(errors_of_core=not together)
    if start.dry_run:
        from aigc_tf import plan

        print(plan.describe(config, run))
        return 0
    from aigc_tf import trainer

    with lasting_output() as output, hushed(start.quiet):
        trained = trainer.train(config, run, profiled=start.profile or 0)
        if trained is None:
            return interruption.STOPPED_EARLY
        if start.quiet:
            print(trained.path, file=terminal.output())
    if output.lost:
        raise FaultError(why_lost(output.lost))
    return 0


def _evaluate(arguments: list[str]) -> int:
    command: EvaluateCommand = parse(EvaluateCommand, arguments, "evaluate.py")
    with hushed(command.quiet or command.json == json_files.STANDARD_OUTPUT):
        return _judge(command)


def _judge(command: EvaluateCommand) -> int:
    run = RunFolder.open(command.subject) if command.subject and command.judges_run else None
    if run is not None:
        run.choose_kernels()
    tf = quiet.import_tensorflow()
    tf.config.experimental.enable_op_determinism()  # as train.py does: the same figures from both
    from aigc_tf import devices, evaluation_files, evaluator, subjects

    keeper = run
    if run is not None and not evaluation_files.takes_files(run):
        print(f"{run.path} takes no files: the figures are shown, and kept only where --json and --report say")
        keeper = None
    if command.workers > 1:
        devices.share(0)
    data = reload = None
    if run is not None:
        subject = subjects.of_run(run, command.step, command.weights)
    elif command.subject is not None:
        subject = subjects.of_export(command.subject)
    else:
        assert command.samples is not None  # one of the three, see `EvaluateCommand`
        subject = subjects.of_samples(command.samples, command.held_against)
        if command.reference is not None:
            from aigc_tf.datasets import given_images

            reload = partial(given_images.as_reference, command.reference)
            data = reload()
            print(f"held against {data.spec.source}")
    evaluation = evaluator.evaluate(
        subject,
        data=data,
        data_dir=command.data_dir,
        num_samples=command.num_samples,
        seed=command.seed,
        extractor=command.extractor,
        quick=command.quick,
        workers=command.workers,
        reload=reload,
    )
    evaluation_files.keep(evaluation.record, evaluation.evidence, run=keeper, json=command.json, report=command.report)
    return 0


def _command(arguments: list[str], commands: Registry = COMMANDS, program: str = "python -m aigc_tf") -> int:
    """Run one of the commands; a folder of them is a command with commands of its own."""
    names = [name.replace("_", "-") for name in commands]
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(f"usage: {program} COMMAND [OPTIONS]\n")
        for name, command in zip(names, commands.values()):
            about = command.about if isinstance(command, Registry) else command.__doc__.splitlines()[0]
            print(f"  {name:<14}{about}")
        print(f"\n{program} COMMAND --help tells the options. Training: train.py, judging: evaluate.py.")
        return 0
    if name not in names:
        raise UserError(unknown(name, "commands", names))
    command = commands[name.replace("-", "_")]
    if isinstance(command, Registry):
        return _command(arguments[1:], command, f"{program} {name}")
    parsed = getattr(command, "parsed", partial(parse, command))  # of one that takes the flags of training, too
    return parsed(arguments[1:], f"{program} {name}").run()
