"""The command lines: `train.py`, `evaluate.py` and `python -m aigc_tf`.

Flags come from dataclasses through tyro. TensorFlow is imported only once the arguments are known to be good.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from aigc_tf import cluster, parentage, quiet
from aigc_tf.command_line import STOPPED_EARLY, check_writable, guarded, parse
from aigc_tf.commands import COMMANDS
from aigc_tf.config import BUDGETS, TrainConfig
from aigc_tf.datasets import DATASETS
from aigc_tf.datasets.data_config import DataConfig, located
from aigc_tf.errors import FaultError, UserError, unknown
from aigc_tf.families import FAMILIES
from aigc_tf.presets import PRESETS
from aigc_tf.registry import Registry
from aigc_tf.run_folder import RunFolder
from aigc_tf.settings import changeable
from aigc_tf.shell import quoted
from aigc_tf.terminal import lasting_output, why_lost


@dataclasses.dataclass(frozen=True)
class _Start:
    """Where the settings come from; flags given beside it override them."""

    preset: Annotated[str | None, arg(help=f"Recipe to start from: {', '.join(PRESETS)}.")] = None
    config: Path | None = None
    """JSON file of settings, such as the config.json of a run."""
    resume: Path | None = None
    """Run folder to go on with, from its last checkpoint."""
    from_step: int | Literal["best"] | None = None
    """With --from and a run folder: step of the checkpoint to begin with, or the best that --evaluate-every found; by
    default the newest."""
    dry_run: bool = False
    """Print what would run (settings, sizes, costs, places) and train nothing."""


@dataclasses.dataclass(frozen=True)
class _First:
    """What decides which settings there are, and what they are before the flags."""

    start: OmitArgPrefixes[_Start]
    model: str | None = None
    parent: Annotated[Path | None, arg(name="from")] = None
    dataset: str | None = None
    strategy: str | None = None


@dataclasses.dataclass(frozen=True)
class TrainCommand:
    """Train a generative model, judge it, and publish it for TensorFlow Serving.

    Exit status: 0 done; 1 a fault; 2 a mistake of yours; 75 stopped early by a signal, saved and ready for --resume;
    130 Ctrl-C while there was no training to save.
    """

    start: OmitArgPrefixes[_Start]
    settings: OmitArgPrefixes[TrainConfig]


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
    """Images to generate; by default as many as it was trained on, at most 10,000."""
    seed: int = 0
    """Which images are generated."""
    extractor: str | None = None
    """What makes the features: lenet (the data set's small classifier; the default where images carry labels), filters
    (for any images; the default for those without), inception (for FID), or the path of a Keras model or SavedModel."""
    json: Path | None = None
    """Write the record to this file (too)."""
    report: Path | None = None
    """Write the report to this file (too)."""

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
    start, config = _parse_train(arguments)
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

    with lasting_output() as output:
        if trainer.train(config, run) is None:
            return STOPPED_EARLY
    if output.lost:
        raise FaultError(why_lost(output.lost))
    return 0


def _evaluate(arguments: list[str]) -> int:
    command: EvaluateCommand = parse(EvaluateCommand, arguments, "evaluate.py")
    run = RunFolder.open(command.subject) if command.subject and command.judges_run else None
    if run is not None:
        run.choose_kernels()
    tf = quiet.import_tensorflow()
    tf.config.experimental.enable_op_determinism()  # as train.py does: the same figures from both
    from aigc_tf import evaluation_files, evaluator, subjects

    keeper = run
    if run is not None and not evaluation_files.takes_files(run):
        print(f"{run.path} takes no files: the figures are shown, and kept only where --json and --report say")
        keeper = None
    data = None
    if run is not None:
        subject = subjects.of_run(run, command.step, command.weights)
    elif command.subject is not None:
        subject = subjects.of_export(command.subject)
    else:
        assert command.samples is not None  # one of the three, see `EvaluateCommand`
        subject = subjects.of_samples(command.samples, command.held_against)
        if command.reference is not None:
            from aigc_tf.datasets import given_images

            data = given_images.as_reference(command.reference)
            print(f"held against {data.spec.source}")
    evaluation = evaluator.evaluate(
        subject,
        data=data,
        data_dir=command.data_dir,
        num_samples=command.num_samples,
        seed=command.seed,
        extractor=command.extractor,
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
    return parse(command, arguments[1:], f"{program} {name}").run()


def _parse_train(arguments: list[str]) -> tuple[_Start, TrainConfig]:
    """Settings of the preset, of the --config file or of the resumed run, with the flags over them.

    The flags depend on the family, which one of them names: so they are read twice.
    """
    without_help = [argument for argument in arguments if argument not in ("-h", "--help")]
    first: _First = parse(_First, without_help, "train.py", return_unknown_args=True)[0]
    start, base = first.start, _on_this_machine(_base(first), first.strategy)

    # A budget among the flags replaces whatever budget the base has.
    without_budget = dataclasses.replace(base, steps=None, epochs=None, minutes=None)
    default = TrainCommand(start, without_budget)
    config = parse(TrainCommand, arguments, "train.py", default=default).settings
    names = tuple(name for given in config.freeze for name in given.split(",") if name)
    config = dataclasses.replace(config, freeze=names, parent=base.parent)
    if all(getattr(config, name) is None for name in BUDGETS):
        config = dataclasses.replace(config, steps=base.steps, epochs=base.epochs, minutes=base.minutes)
    other_place = start.resume is None and config.dataset != base.dataset and (config.is_place or base.is_place)
    if other_place and config.data_dir == base.data_dir:  # it says where the images of the base lie, not these
        config = dataclasses.replace(config, data_dir=None)
    config = dataclasses.replace(config, **located(config))  # what the run records must hold in any working directory
    if start.resume is not None:
        _check_resumable(base, config, start.resume)
        return start, config
    if config.data_dir not in (None, base.data_dir):
        config.check_place_is_told_once()
    places = {name: value.resolve() for name, value in vars(config.family).items() if isinstance(value, Path)}
    config = dataclasses.replace(config, family=dataclasses.replace(config.family, **places))
    return start, config


def _base(first: _First) -> TrainConfig:
    """The settings that the flags change."""
    start = first.start
    sources = {"preset": start.preset, "config": start.config, "resume": start.resume, "from": first.parent}
    given = [f"--{name}" for name, value in sources.items() if value is not None]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} cannot be combined: each brings settings of its own")
    if start.preset is not None and start.preset not in PRESETS:
        raise UserError(unknown(start.preset, "presets", PRESETS))
    if start.from_step is not None and first.parent is None:
        raise UserError("--from-step chooses among the checkpoints of a run: give that with --from")
    if not given:
        return TrainConfig.of(model=first.model or TrainConfig.model)
    if start.resume is not None:
        base = RunFolder.open(start.resume).read_config()
    elif first.parent is not None:
        base = parentage.settings(parentage.checkpoint(first.parent, start.from_step), first.dataset)
    elif start.config is not None:
        try:
            base = TrainConfig.from_json(start.config.read_text(), str(start.config))
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read --config {start.config}: {error}") from None
        if base.parent is not None:  # the file may name its run alone
            base = dataclasses.replace(base, parent=parentage.checkpoint(base.parent, None))
    else:
        base = PRESETS[start.preset or "default"]
    if first.model not in (None, base.model):
        FAMILIES.check(first.model)
        raise UserError(f"--model {first.model} cannot be combined with {given[0]}, whose model is {base.model}")
    return base


def _on_this_machine(base: TrainConfig, strategy: str | None) -> TrainConfig:
    """The settings of another start without what belongs to its machines, where `strategy` (the flag) says nothing
    else: a process that was told of no cluster trains alone, and replicas are those of one machine."""
    if base.strategy == "multi-worker" and not cluster.is_told():
        base = dataclasses.replace(base, strategy="mirrored")
    return dataclasses.replace(base, replicas=None) if strategy == "multi-worker" else base


def _check_resumable(base: TrainConfig, config: TrainConfig, run: Path) -> None:
    allowed = changeable(TrainConfig) | changeable(type(base.family)) - base.family.learned
    for (name, before), now in zip(base.flat().items(), config.flat().values()):
        if before != now and name not in allowed:
            raise UserError(
                f"{name} is {before} in {run} and cannot become {now} midway. Changeable with --resume: "
                f"{', '.join(sorted(allowed))}; for a new run: --config {quoted(run / 'config.json')}"
            )
