"""What can be judged: a run's checkpoint, a published export, or images made by anything at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from aigc_tf import contract, export, untrusted
from aigc_tf.checkpoints import load_model
from aigc_tf.contract import Contract
from aigc_tf.errors import UserError
from aigc_tf.families import signatures
from aigc_tf.families.model import GenerativeModel, Weights
from aigc_tf.modalities import MODALITIES
from aigc_tf.modalities.modality import Modality
from aigc_tf.paths import plain
from aigc_tf.run_folder import RunFolder

_BATCH = 500


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under judgement, or what one left behind.

    Attributes:
        kind: "run", "export" or "samples".
        path: where it lies.
        dataset: name in DATASETS of what it learned; None for images that are held against others.
        data_dir: where these lay; None for the usual place.
        data_fingerprint: content hash of these data; None where nobody wrote it down.
        step: training steps behind it; None if unknown.
        weights: "ema" for averaged weights, "raw" for the trained ones themselves; None if unknown.
        fingerprint: hash of the weights; None for images.
        family: of the model, a name in FAMILIES; None for images.
        contract: what its signatures promise; None for images.
        signatures: these functions by name; none for images.
    """

    kind: Literal["run", "export", "samples"]
    path: Path
    dataset: str | None
    data_dir: Path | None
    data_fingerprint: str | None = None
    step: int | None = None
    weights: Weights | None = None
    fingerprint: str | None = None
    family: str | None = None
    contract: Contract | None = None
    signatures: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def modality(self) -> Modality:
        """Of what it makes."""
        return MODALITIES["image" if self.contract is None else self.contract.content]

    def generate(self, seeds: np.ndarray, progress: Callable[[int], object] = lambda count: None) -> np.ndarray:
        """Stored content [N, ...] for int64 seeds [N]; `progress` is called after each batch with the number of rows
        in it."""
        return self._content("sample", seeds, progress)

    def ways_in(self) -> dict[str, int]:
        """The signatures that make content of standard normal vectors, and how many numbers these have."""
        named = {} if self.contract is None else self.contract.named("decode")
        here = {name: self.signatures[name] for name in named if name in self.signatures}
        specs = {name: tf.nest.flatten(each.structured_input_signature) for name, each in here.items()}
        vectors = {name: next(iter(named[name].inputs)) for name in here}
        return {name: next(spec.shape[1] for spec in specs[name] if spec.name == vectors[name]) for name in here}

    def decode(self, vectors: np.ndarray, signature: str) -> np.ndarray:
        """Stored content [N, ...] for vectors float32 [N, Z] that one of `ways_in` takes."""
        return self._content(signature, vectors)

    def scores(self, stored: np.ndarray) -> dict[str, np.ndarray]:
        """What the model itself says about stored content [N, ...]: float32 [N] by name, nothing for images that were
        left behind."""
        named = {} if self.contract is None else self.contract.named("score")
        found: dict[str, list[np.ndarray]] = {}
        for signature in named.keys() & self.signatures.keys():
            for part in _batches(stored):
                numbers = self._inputs(signature, self.modality.from_stored(part))
                for name, rows in self.signatures[signature](**numbers).items():
                    found.setdefault(name, []).append(rows.numpy())
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def _content(
        self, name: str, rows: np.ndarray, progress: Callable[[int], object] = lambda count: None
    ) -> np.ndarray:
        assert self.contract is not None
        (made,) = self.contract.signatures[name].outputs
        parts = []
        for part in _batches(rows):
            numbers = self.signatures[name](**self._inputs(name, part))[made]
            parts.append(self.modality.to_stored(numbers.numpy()))
            progress(len(part))
        return np.concatenate(parts)

    def _inputs(self, name: str, rows: np.ndarray) -> dict[str, tf.Tensor]:
        """These rows for the first input of a signature, and the defaults of all others."""
        assert self.contract is not None
        (first, _), *others = self.contract.signatures[name].inputs.items()
        defaults = {key: tf.fill([len(rows)], tf.constant(each.default, each.dtype)) for key, each in others}
        return {first: tf.constant(rows), **defaults}

    def describe(self) -> dict[str, Any]:
        """What identifies it in a record."""
        return {
            "kind": self.kind,
            "path": str(self.path),
            "dataset": self.dataset,
            "step": self.step,
            "weights": self.weights,
            "fingerprint": self.fingerprint,
        }


def of_model(model: GenerativeModel, run: RunFolder, weights: Weights = "ema") -> Subject:
    """A model in memory, as it is now."""
    config = run.read_config()
    promised, functions = signatures.build(model, weights=weights)
    return Subject(
        kind="run",
        path=run.path,
        dataset=config.dataset,
        data_dir=config.data_dir,
        data_fingerprint=run.read_spec().fingerprint,
        step=int(model.step.numpy()),
        weights=weights,
        fingerprint=model.fingerprint(weights),
        family=config.model,
        contract=promised,
        signatures={name: function.get_concrete_function() for name, function in functions.items()},
    )


def of_run(run: RunFolder, step: int | Literal["best"] | None = None, weights: Weights = "ema") -> Subject:
    """A checkpoint of a run, chosen as for `load_model`. Raises UserError where the run has no such checkpoint."""
    return of_model(load_model(run, step), run, weights)


def of_export(folder: Path) -> Subject:
    """A published version, or the newest one below a model's base path.

    A SavedModel is a program, so it is looked into before it is loaded. Raises UserError for what is no export of ours,
    and for one that would reach beyond tensors.
    """
    version = folder
    if not (folder / "saved_model.pb").is_file():
        version = folder / str(max(export.versions(folder), default=0))
    card_file = version / "assets.extra" / "model_card.json"
    try:
        card = json.loads(card_file.read_text())
        dataset, data_dir = card["recipe"]["dataset"], card["recipe"]["data_dir"]
        dangers = untrusted.inspect(version).dangers
        if dangers:
            raise UserError(f"{version} was not loaded: {'; '.join(dangers)}")
        with plain(version) as readable:
            model = tf.saved_model.load(str(readable))
        return Subject(
            kind="export",
            path=version,
            dataset=dataset,
            data_dir=None if data_dir is None else Path(data_dir),
            data_fingerprint=card["data"]["fingerprint"],
            step=card["step"],
            weights="ema",
            fingerprint=card["fingerprint"],
            family=card["recipe"].get("model", "gan"),  # the one family of exports that name none
            contract=contract.of_export(version),
            signatures=_Loaded(model.signatures, model),
        )
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        raise UserError(
            f"{folder} can be judged neither as a run (it has no config.json) nor as an export "
            f"({type(error).__name__}: {error})"
        ) from None


def of_samples(path: Path, dataset: str | None = None) -> Subject:
    """A folder of image files or an `.npz` of images, judged against `dataset`, or against what `evaluate` is given.

    It is read by `Modality.read_given`.
    """
    return Subject(kind="samples", path=path, dataset=dataset, data_dir=None)


class _Loaded(dict[str, Any]):
    """The signatures of a loaded SavedModel, and the model: without a reference to it its variables are deleted."""

    def __init__(self, signatures: Any, model: Any) -> None:
        super().__init__(signatures)
        self.model = model


def _batches(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
