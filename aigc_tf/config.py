"""Everything that decides a training run, in one frozen dataclass.

The flags of `train.py`, `--config` files, the presets and `config.json` in a run folder all come from these fields.
Importing this module imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from aigc_tf import json_settings
from aigc_tf.datasets.augmentation_config import AugmentationConfig
from aigc_tf.datasets.data_config import DataConfig
from aigc_tf.errors import UserError
from aigc_tf.families import FAMILIES
from aigc_tf.families.family import FamilyConfig
from aigc_tf.paths import LONGEST_NAME
from aigc_tf.settings import CHANGEABLE, MANY, OneOf, Within


@dataclasses.dataclass(frozen=True)
class TrainConfig(AugmentationConfig, DataConfig):
    """One training run: what to learn, and how. Raises `UserError`, in one sentence, for values that cannot work or
    cannot be combined."""

    # How
    model: Annotated[str, OneOf(FAMILIES), arg(help=f"Family of models: {', '.join(FAMILIES)}.")] = "gan"
    family: FamilyConfig = dataclasses.field(default_factory=lambda: FAMILIES["gan"].config())
    """The settings of that family."""
    parent: Annotated[Path | None, arg(name="from")] = None
    """Begin with what another model has learned: a run folder (its newest checkpoint, unless --from-step says
    otherwise), or one of its checkpoints, RUN/checkpoints/step-500. The settings of the family are then that model's,
    but for those that flags give."""
    freeze: tuple[str, ...] = ()
    """Networks and layers that stay as they are in that model, separated by commas; --dry-run lists their names."""

    # Budget: give one; a default number of steps otherwise
    global_batch_size: Annotated[int, Within(1, 2**31 - 1)] = 32
    """Images per update over all replicas."""
    steps: Annotated[int | None, Within(1, MANY), CHANGEABLE] = None
    """Train for this many steps."""
    epochs: Annotated[float | None, Within(1e-9, 10**9), CHANGEABLE] = None
    """Train until each training image was shown this many times."""
    minutes: Annotated[float | None, Within(1e-9), CHANGEABLE] = None
    """Train for this long by the clock (training only). The result then depends on the machine's speed."""

    # Machine
    seed: Annotated[int, Within(0, 2**31 - 1)] = 0
    """Decides weights, data order and noise. Same seed, same machine, same model."""
    strategy: Annotated[Literal["mirrored", "multi-worker"], CHANGEABLE] = "mirrored"
    """Train on this machine, or on several together, with the same command and the environment variable TF_CONFIG on
    each, and one file system for the run folder."""
    worker_timeout: Annotated[int, Within(1, 1_000_000), CHANGEABLE] = 600
    """Seconds to wait until all workers have come."""
    replicas: Annotated[int | None, Within(1, 64), CHANGEABLE] = None
    """Number of logical CPU devices to spread a batch over; by default all GPUs, or one CPU."""
    mixed_precision: bool = False
    """Compute in numbers of 16 bits, keep weights in float32."""
    mixed_dtype: Literal["bfloat16", "float16"] = "bfloat16"
    """Of mixed precision: bfloat16, or float16 with losses that are scaled, for GPUs that have no bfloat16."""
    jit_compile: bool = False
    """Compile the training step with XLA (one device only). Its noise differs in value from that of the default."""

    # Watching
    log_every: Annotated[int, Within(1, MANY)] = 50
    """Steps between two points of the curves (each the mean since the last)."""
    sample_every: Annotated[int, Within(1, MANY)] = 500
    """Steps between two sample grids."""
    histogram_every: Annotated[int, Within(1, MANY)] = 1000
    """Steps between two histograms of the weights."""
    checkpoint_every: Annotated[int, Within(1, MANY), CHANGEABLE] = 500
    """Steps between two checkpoints."""
    keep_checkpoints: Annotated[int, Within(1, MANY), CHANGEABLE] = 3
    """Checkpoints kept."""
    evaluate_every: Annotated[int, Within(0, MANY), CHANGEABLE] = 0
    """Steps between two quick judgements on 2,000 samples, of which the best checkpoint is kept; 0 for none."""
    on_collapse: Annotated[Literal["warn", "stop", "best"], CHANGEABLE] = "warn"
    """When such a judgement finds the model collapsed: warn, stop with an error, or end training and judge and
    publish the best checkpoint instead."""
    on_divergence: Annotated[Literal["stop", "rollback"], CHANGEABLE] = "stop"
    """When a loss, gradient or weight is no longer finite: stop, or go back to the last checkpoint and halve the
    learning rates (at most three times)."""

    # What is made of it
    logs: Path = Path("logs")
    """Folder that holds the runs."""
    name: str | None = None
    """Name of the run's folder; by default made of time, data set, network and loss."""
    evaluate: Annotated[bool, CHANGEABLE] = True
    """Judge the model when training ends."""
    export: Annotated[bool, CHANGEABLE] = True
    """Publish a SavedModel when training ends, unless the model was judged to make copies of what it learned from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.family, FAMILIES[self.model].config):
            raise UserError(f"model is {self.model}, but the settings beside it are those of another family")
        budgets = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(budgets) > 1:
            raise UserError(f"{' and '.join(budgets)} cannot be combined: give one budget")
        if self.global_batch_size % (self.replicas or 1):
            raise UserError(
                f"global_batch_size {self.global_batch_size} cannot be split evenly over {self.replicas} replicas: "
                "choose a multiple"
            )
        if self.mixed_dtype != "bfloat16" and not self.mixed_precision:
            raise UserError(
                f"mixed_dtype {self.mixed_dtype} is for mixed precision: give --mixed-precision, too, or "
                "--mixed-dtype bfloat16"
            )
        if self.jit_compile and (self.replicas or 1) > 1:
            raise UserError(
                f"jit_compile cannot be combined with {self.replicas} replicas (XLA compiles for one device): "
                "leave one of them out"
            )
        if self.strategy == "multi-worker" and (self.jit_compile or self.replicas is not None):
            given = "jit_compile" if self.jit_compile else "replicas"
            raise UserError(
                f"{given} is for one machine and cannot be combined with strategy multi-worker: leave it out"
            )
        if self.freeze and self.parent is None:
            raise UserError("freeze keeps what another model has learned, so it needs --from")
        if self.on_collapse != "warn" and not self.evaluate_every:
            raise UserError(f"on_collapse {self.on_collapse} needs judgements that notice one: give --evaluate-every")
        if self.name is not None and (
            self.name in ("", ".", "..")
            or Path(self.name).name != self.name
            or not self.name.isprintable()
            or len(self.name.encode()) > LONGEST_NAME
        ):
            raise UserError(
                f"name {self.name[:80]!r} must be a plain folder name of printable characters, up to {LONGEST_NAME} "
                "bytes in UTF-8; the folder above it is --logs"
            )

    @property
    def precision(self) -> Literal["float32", "bfloat16", "float16"]:
        """What networks compute in while they train."""
        return self.mixed_dtype if self.mixed_precision else "float32"

    def with_budget(self) -> TrainConfig:
        """The same with a budget: the family's default number of steps if none was given."""
        given = any(getattr(self, name) is not None for name in BUDGETS)
        return self if given else dataclasses.replace(self, steps=self.family.default_steps)

    def flat(self) -> dict[str, Any]:
        """All settings by name, those of the family among them, in the order of the flags."""
        values: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            values.update(vars(value) if field.name == "family" else {field.name: value})
        return values

    @classmethod
    def of(cls, **values: Any) -> TrainConfig:
        """The configuration with these settings, of any run or of the family that `model` names, and defaults.

        Raises UserError for a setting that neither has.
        """
        family = FAMILIES[values.get("model", cls.model)].config
        names = {field.name for field in dataclasses.fields(family)}
        of_run = {name: value for name, value in values.items() if name not in names}
        known = {field.name for field in dataclasses.fields(cls)} - {"family"}
        if unknown := ", ".join(sorted(of_run.keys() - known)):
            raise UserError(f"no such field: {unknown}; known are {', '.join([*sorted(known), *sorted(names)])}")
        of_family = {name: value for name, value in values.items() if name in names}
        return cls(**of_run, family=family(**of_family))

    def changed(self, **values: Any) -> TrainConfig:
        """The same with other values of these settings; `model` stays."""
        return TrainConfig.of(**{**self.flat(), **values})

    def to_json(self) -> str:
        """The configuration as JSON text, which `from_json` reads back to an equal object."""
        return json.dumps(self.flat(), indent=2, default=str) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str, *, record: bool = False) -> TrainConfig:
        """Read a configuration; `source` names the file in errors. Fields that are left out take their defaults, or, in
        a run's own `record`, what runs had before there was such a field."""
        try:
            try:
                values = json.loads(text)
            except json.JSONDecodeError as error:
                raise UserError(f"this is no JSON ({error})") from None
            if not isinstance(values, dict):
                raise UserError("a JSON object of configuration fields is expected")
            if record and "dataset" not in values:
                raise UserError("it is damaged and holds no dataset: take that of a copy of the run")
            return cls._from_values(values, record)
        except (ValueError, TypeError, RecursionError) as error:
            raise UserError(f"{source}: {error}") from None

    @classmethod
    def _from_values(cls, values: dict[str, Any], record: bool) -> TrainConfig:
        """The configuration of flat values as JSON has them."""
        model = values.get("model", cls.model)
        if not isinstance(model, str):
            raise UserError(f"model is {json.dumps(model)[:80]}, but must be one of {', '.join(FAMILIES)}")
        family = FAMILIES[model].config
        names = {field.name for field in dataclasses.fields(family)}
        known = cls.of(model=model).flat()
        if unknown := values.keys() - known.keys():
            raise UserError(f"no such field: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
        before = family.before if record else {}
        of_family = json_settings.read(family, {**before, **{name: values[name] for name in names & values.keys()}})
        return json_settings.read(cls, {**{name: values[name] for name in values.keys() - names}, "family": of_family})


BUDGETS = ("steps", "epochs", "minutes")
