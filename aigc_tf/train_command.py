"""The flags of training: where the settings come from, and what is changed of them.

`train.py` reads them, and every command that trains as it does.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, arg

from aigc_tf import cluster, parentage
from aigc_tf.command_line import parse
from aigc_tf.config import BUDGETS, TrainConfig
from aigc_tf.datasets.data_config import located
from aigc_tf.errors import UserError, unknown
from aigc_tf.families import FAMILIES
from aigc_tf.presets import PRESETS
from aigc_tf.run_folder import RunFolder
from aigc_tf.settings import changeable
from aigc_tf.shell import quoted


@dataclasses.dataclass(frozen=True)
class Start:
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
    """Print what would run (settings, sizes, costs, time, places) and keep nothing of the second that is trained for
    that."""
    profile: Annotated[int | None, arg(metavar="STEPS")] = None
    """Record so many steps for TensorBoard's profile: which operations take the time (requirements-profile.txt shows
    it)."""
    quiet: bool = False
    """Print nothing but warnings and errors, and at the end the run's folder."""


@dataclasses.dataclass(frozen=True)
class _First:
    """What decides which settings there are, and what they are before the flags."""

    start: OmitArgPrefixes[Start]
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

    start: OmitArgPrefixes[Start]
    settings: OmitArgPrefixes[TrainConfig]


def parse_training(arguments: list[str], program: str = "train.py") -> tuple[Start, TrainConfig]:
    """Settings of the preset, of the --config file or of the resumed run, with the flags over them.

    The flags depend on the family, which one of them names: so they are read twice.
    """
    without_help = [argument for argument in arguments if argument not in ("-h", "--help")]
    first: _First = parse(_First, without_help, program, return_unknown_args=True)[0]
    start, base = first.start, _on_this_machine(_base(first), first.strategy)
    if start.profile is not None and start.profile < 1:
        raise UserError(f"--profile {start.profile} must be at least 1")

    # A budget among the flags replaces whatever budget the base has.
    without_budget = dataclasses.replace(base, steps=None, epochs=None, minutes=None)
    default = TrainCommand(start, without_budget)
    config = parse(TrainCommand, arguments, program, default=default).settings
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
