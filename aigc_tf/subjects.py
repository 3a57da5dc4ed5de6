"""What can be judged: a run's checkpoint, a published export, or images made by anything at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from aigc_tf import export, untrusted
from aigc_tf.checkpoints import load_model
from aigc_tf.datasets import given_images
from aigc_tf.errors import UserError
from aigc_tf.families.model import GenerativeModel, Weights
from aigc_tf.metrics.quantise import quantise
from aigc_tf.paths import plain
from aigc_tf.run_folder import RunFolder

_BATCH = 500


@dataclasses.dataclass(frozen=True)
class Subject:
    """A generator under judgement, or the images that one left behind.

    Attributes:
        kind: "run", "export" or "samples".
        path: where it lies.
        dataset: name in DATASETS of the images that it learned; None for images that are held against others.
        data_dir: where these lay; None for the usual place.
        data_fingerprint: content hash of these images; None where nobody wrote it down.
        step: training steps behind it; None if unknown.
        weights: "ema" for the averaged generator, "raw" for the trained one itself; None if unknown.
        fingerprint: hash of the generator's weights; None for images.
        signatures: the functions of an export by name (see `GenerativeModel.signatures`); none for images.
    """

    kind: Literal["run", "export", "samples"]
    path: Path
    dataset: str | None
    data_dir: Path | None
    data_fingerprint: str | None = None
    step: int | None = None
    weights: Weights | None = None
    fingerprint: str | None = None
    signatures: dict[str, Any] = dataclasses.field(default_factory=dict)

    def generate(self, seeds: np.ndarray, progress: Callable[[int], object] = lambda count: None) -> np.ndarray:
        """Images uint8 [N, H, W, C] for int64 seeds [N]; `progress` is called after each batch with
        the number of images in it."""
        parts = []
        for part in _batches(seeds):
            parts.append(quantise(self.signatures["sample"](seed=tf.constant(part))["image"].numpy()))
            progress(len(part))
        return np.concatenate(parts)

    @property
    def latent_dim(self) -> int | None:
        """Numbers in a latent; None where there is no way in from latents."""
        decode = self.signatures.get("decode")
        return None if decode is None else tf.nest.flatten(decode.structured_input_signature)[0].shape[1]

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Images uint8 [N, H, W, C] for latents float32 [N, Z]."""
        decode = self.signatures["decode"]
        parts = [decode(latent=tf.constant(part))["image"].numpy() for part in _batches(latents)]
        return quantise(np.concatenate(parts))

    def discriminator_logits(self, images: np.ndarray) -> np.ndarray | None:
        """Logits float32 [N] of the discriminator for uint8 images [N,H,W,C]; None where there is none."""
        discriminate = self.signatures.get("discriminate")
        if discriminate is None:
            return None
        parts = [discriminate(image=tf.constant(part / np.float32(255)))["logit"].numpy() for part in _batches(images)]
        return np.concatenate(parts)

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
    return Subject(
        kind="run",
        path=run.path,
        dataset=config.dataset,
        data_dir=config.data_dir,
        data_fingerprint=run.read_spec().fingerprint,
        step=int(model.step.numpy()),
        weights=weights,
        fingerprint=model.fingerprint(weights),
        signatures=_traced(model, weights),
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

    It is read by `read_samples`.
    """
    return Subject(kind="samples", path=path, dataset=dataset, data_dir=None)


def read_samples(
    subject: Subject, image_shape: tuple[int, int, int], progress: Callable[[int], object] = lambda count: None
) -> given_images.GivenImages:
    """The images [N, H, W, C] of a "samples" subject. Raises UserError as `given_images.read` does."""
    return given_images.read(subject.path, image_shape, progress)


def _traced(model: GenerativeModel, weights: Weights) -> dict[str, Any]:
    functions: dict[str, Any] = dict(model.signatures(weights=weights))
    return {name: function.get_concrete_function() for name, function in functions.items()}


class _Loaded(dict[str, Any]):
    """The signatures of a loaded SavedModel, and the model: without a reference to it its variables are deleted."""

    def __init__(self, signatures: Any, model: Any) -> None:
        super().__init__(signatures)
        self.model = model


def _batches(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
