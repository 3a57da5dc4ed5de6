"""Everything that decides a training run, in one frozen dataclass.

The flags of `train.py`, `--config` files, the presets and `config.json` in a run folder all come from these fields.
Importing this module imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import dacite
from tyro.conf import arg

from aigc_tf.datasets import DATASETS
from aigc_tf.errors import UserError
from aigc_tf.losses import GAN_LOSSES
from aigc_tf.models import MODELS
from aigc_tf.networks import NETWORKS
from aigc_tf.optimizers import OPTIMIZERS
from aigc_tf.penalties import PENALTIES

_REGISTRIES = {
    "dataset": DATASETS,
    "model": MODELS,
    "network": NETWORKS,
    "loss": GAN_LOSSES,
    "penalties": PENALTIES,
}


def _names(choices: Iterable[str]) -> str:
    return ", ".join(choices)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """One training run. Raises `UserError`, in one sentence, for values that cannot work or cannot be combined."""

    # What to learn
    dataset: Annotated[str, arg(help=f"Images to learn: {_names(DATASETS)}.")] = "mnist"
    data_dir: Path | None = None
    """Folder that holds the data set's files (mnist.npz and the like, as Keras caches them)."""

    # Networks
    model: Annotated[str, arg(help=f"Family of models: {_names(MODELS)}.")] = "gan"
    network: Annotated[str, arg(help=f"Architecture of both networks: {_names(NETWORKS)}.")] = "lean"
    latent_dim: int = 64
    """Numbers in a latent vector."""
    spectral_norm: bool = False
    """Spectral normalisation of the discriminator (Miyato et al. 2018)."""

    # Objective
    loss: Annotated[str, arg(help=f"Adversarial loss: {_names(GAN_LOSSES)}.")] = "non_saturating"
    penalties: Annotated[tuple[str, ...], arg(help=f"Gradient penalties, any of: {_names(PENALTIES)}.")] = ("r1",)
    penalty_weight: float = 1.0
    """Weight of each penalty (gamma of R1 and R2; 10 is usual for wgan_gp)."""
    penalty_interval: int = 4
    """Apply the penalties every so many discriminator updates, multiplied by this number (lazy regularisation)."""
    critic_steps: int = 1
    """Discriminator updates per generator update, each on real images of its own."""

    # Optimisation
    optimizer: Annotated[str, arg(help=f"For both networks: {_names(OPTIMIZERS)}.")] = "adam"
    generator_learning_rate: float = 2e-3
    """Learning rate of the generator."""
    discriminator_learning_rate: float = 2e-3
    """Learning rate of the discriminator."""
    learning_rate_hold: float = 100_000.0
    """Images seen before both learning rates begin to fall, with the square root of the images seen, and the weight of
    the penalties begins to rise by as much; 0 for constant ones."""
    beta_1: float = 0.0
    """Decay of the gradient's mean (Adam and its kin; momentum of rmsprop)."""
    beta_2: float = 0.99
    """Decay of the squared gradient's mean (Adam and its kin; rho of rmsprop)."""
    ema_half_life: float = 1_000_000.0
    """Half-life of the generator's moving average, in images; 0 for no averaging."""
    ema_ramp_up: float = 0.1
    """The half-life is at most this share of the images seen so far; 0 for no ramp-up."""

    # Budget: give one; a default number of steps otherwise
    global_batch_size: int = 32
    """Images per update over all replicas."""
    steps: int | None = None
    """Train for this many generator updates."""
    epochs: float | None = None
    """Train until each training image was shown this many times."""
    minutes: float | None = None
    """Train for this long by the clock (training only). The result then depends on the machine's speed."""

    # Machine
    seed: int = 0
    """Decides weights, data order and noise. Same seed, same machine, same model."""
    replicas: int | None = None
    """Number of logical CPU devices to spread a batch over; by default all GPUs, or one CPU."""
    mixed_precision: bool = False
    """Compute in bfloat16, keep weights in float32."""
    jit_compile: bool = False
    """Compile the training step with XLA (one device only). Its noise differs in value from that of the default."""

    # Watching
    log_every: int = 50
    """Steps between two points of the curves (each the mean since the last)."""
    sample_every: int = 500
    """Steps between two sample grids."""
    histogram_every: int = 1000
    """Steps between two histograms of the weights."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    keep_checkpoints: int = 3
    """Checkpoints kept."""
    evaluate_every: int = 0
    """Steps between two quick judgements on 2,000 samples, of which the best checkpoint is kept; 0 for none."""
    on_collapse: Literal["warn", "stop", "best"] = "warn"
    """When such a judgement finds the generator collapsed: warn, stop with an error, or end training and judge and
    publish the best checkpoint instead."""
    on_divergence: Literal["stop", "rollback"] = "stop"
    """When a loss, gradient or weight is no longer finite: stop, or go back to the last checkpoint and halve the
    learning rates (at most three times)."""

    # What is made of it
    logs: Path = Path("logs")
    """Folder that holds the runs."""
    name: str | None = None
    """Name of the run's folder; by default made of time, data set, network and loss."""
    evaluate: bool = True
    """Judge the generator when training ends."""
    export: bool = True
    """Publish a SavedModel when training ends."""

    def __post_init__(self) -> None:
        for kind, registry in _REGISTRIES.items():
            chosen = getattr(self, kind)
            for name in [chosen] if isinstance(chosen, str) else chosen:
                registry.check(name)
        if self.optimizer not in OPTIMIZERS:
            raise UserError(f"{self.optimizer!r} is not one of the optimizers: {_names(OPTIMIZERS)}")
        if len(set(self.penalties)) < len(self.penalties):
            raise UserError(f"penalties names one twice: {', '.join(self.penalties)}")
        for field in dataclasses.fields(self):
            _check_range(field.name, getattr(self, field.name))
        budgets = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(budgets) > 1:
            raise UserError(f"{' and '.join(budgets)} cannot be combined: give one budget")
        if self.global_batch_size % (self.replicas or 1):
            raise UserError(
                f"global_batch_size {self.global_batch_size} cannot be split evenly over {self.replicas} replicas: "
                "choose a multiple"
            )
        if self.jit_compile and (self.replicas or 1) > 1:
            raise UserError(
                f"jit_compile cannot be combined with {self.replicas} replicas (XLA compiles for one device): "
                "leave one of them out"
            )
        if self.on_collapse != "warn" and not self.evaluate_every:
            raise UserError(f"on_collapse {self.on_collapse} needs judgements that notice one: give --evaluate-every")
        if self.name is not None and (
            self.name in ("", ".", "..")
            or Path(self.name).name != self.name
            or not self.name.isprintable()
            or len(self.name.encode(errors="replace")) > 200
        ):
            raise UserError(
                f"name {self.name[:80]!r} must be a plain folder name of up to 200 printable characters; "
                "the folder above it is --logs"
            )

    def with_budget(self) -> TrainConfig:
        """The same with a budget: the default number of steps if none was given."""
        given = any(getattr(self, name) is not None for name in BUDGETS)
        return self if given else dataclasses.replace(self, steps=DEFAULT_STEPS)

    def to_json(self) -> str:
        """The configuration as JSON text, which `from_json` reads back to an equal object."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> TrainConfig:
        """Read a configuration; `source` names the file in errors. Fields that are left out take their defaults."""
        try:
            try:
                values = json.loads(text)
            except json.JSONDecodeError as error:
                raise UserError(f"this is no JSON ({error})") from None
            if not isinstance(values, dict):
                raise UserError("a JSON object of configuration fields is expected")
            hooks: dict[Any, Any] = {float: _to_float, int: _to_int, Path: _to_path, tuple[str, ...]: _to_tuple}
            return dacite.from_dict(cls, values, dacite.Config(type_hooks=hooks, strict=True))
        except dacite.UnexpectedDataError as error:
            known = ", ".join(field.name for field in dataclasses.fields(cls))
            raise UserError(f"{source}: no such field: {', '.join(error.keys)}; known are {known}") from None
        except dacite.WrongTypeError as error:
            field = str(error.field_path)
            given = json.dumps(values[field])[:80]
            raise UserError(f"{source}: {field} is {given}, but must be {_expected(field)}") from None
        except (ValueError, TypeError, RecursionError, dacite.DaciteError) as error:
            raise UserError(f"{source}: {error}") from None


DEFAULT_STEPS = 6_000
BUDGETS = ("steps", "epochs", "minutes")

# Smallest and largest value of each number that has bounds; the bounds themselves are allowed.
_BOUNDS: dict[str, tuple[float, float]] = {
    "latent_dim": (1, 65_536),
    "penalty_weight": (0, math.inf),
    "penalty_interval": (1, math.inf),
    "critic_steps": (1, 100),
    "generator_learning_rate": (1e-12, 10),
    "discriminator_learning_rate": (1e-12, 10),
    "learning_rate_hold": (0, math.inf),
    "beta_1": (0, 0.999999),
    "beta_2": (0, 0.999999),
    "ema_half_life": (0, math.inf),
    "ema_ramp_up": (0, math.inf),
    "global_batch_size": (1, math.inf),
    "steps": (1, math.inf),
    "epochs": (1e-9, math.inf),
    "minutes": (1e-9, math.inf),
    "seed": (0, 2**31 - 1),
    "replicas": (1, 64),
    "log_every": (1, math.inf),
    "sample_every": (1, math.inf),
    "histogram_every": (1, math.inf),
    "checkpoint_every": (1, math.inf),
    "keep_checkpoints": (1, math.inf),
    "evaluate_every": (0, math.inf),
}


def _to_float(value: Any) -> Any:
    """JSON writes 1.0 and 1 as it likes; both are a float to us."""
    try:
        return float(_to_int(value)) if isinstance(value, int) else value
    except OverflowError:
        raise dacite.WrongTypeError(float, value) from None


def _to_int(value: Any) -> Any:
    """Python counts True as 1; a person who writes it means something else."""
    if isinstance(value, bool):
        raise dacite.WrongTypeError(int, value)
    return value


def _to_path(value: Any) -> Any:
    """JSON has text only."""
    return Path(value) if isinstance(value, str) else value


def _to_tuple(value: Any) -> Any:
    """JSON has lists only."""
    return tuple(value) if isinstance(value, list) else value


def _expected(name: str) -> str:
    """What the field may hold, in words and as JSON writes it."""
    kind = typing.get_type_hints(TrainConfig)[name]
    kinds = [each for each in typing.get_args(kind) if each is not type(None)]
    optional = len(kinds) == 1 and type(None) in typing.get_args(kind)
    if name == "penalties":
        return f'a list, such as ["r1"], of any of {_names(PENALTIES)}'
    if typing.get_origin(kind) is Literal:
        return f"one of {_names(kinds)}"
    if name in _REGISTRIES or name == "optimizer":
        return f"one of {_names(_REGISTRIES.get(name, OPTIMIZERS))}"
    return _JSON_KINDS[kinds[0] if optional else kind] + (" or null" if optional else "")


_JSON_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text in quotes",
    Path: "a path in quotes",
}


def _check_range(name: str, value: Any) -> None:
    if value is None or name not in _BOUNDS:
        return
    low, high = _BOUNDS[name]
    if not low <= value <= high or (isinstance(value, float) and not math.isfinite(value)):
        limit = f"finite and at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
        raise UserError(f"{name} is {value}, but must be {limit}")
