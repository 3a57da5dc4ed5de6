"""What can be judged: a run's checkpoint, a published export, or images made by anything at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from aigc_tf import contract, export, untrusted
from aigc_tf.checkpoints import load_model
from aigc_tf.contract import Contract, Signature, Tensor
from aigc_tf.datasets.data_config import DataConfig, of_recipe
from aigc_tf.errors import UserError
from aigc_tf.families import signatures
from aigc_tf.families.model import GenerativeModel, Weights
from aigc_tf.modalities import MODALITIES
from aigc_tf.modalities.modality import Modality
from aigc_tf.paths import plain
from aigc_tf.run_folder import RunFolder

_BATCH = 500

_Asked = tuple[str, dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under judgement, or what one left behind.

    Attributes:
        kind: "run", "export" or "samples".
        path: where it lies.
        learned: which data it learned, or is held against; None for images that are held against others.
        data_fingerprint: content hash of these data; None where nobody wrote it down.
        step: training steps behind it; None if unknown.
        weights: "ema" for averaged weights, "raw" for the trained ones themselves; None if unknown.
        fingerprint: hash of the weights; None for images.
        family: of the model, a name in FAMILIES; None for images.
        parentage: which model it began with (parentage.json of a run); None where it began from nothing.
        contract: what its signatures promise; None for images.
        signatures: these functions by name; none for images.
        answered: gives the `answers` for a signature's name and inputs, of few rows, in their order, where others than
            this process do that.
    """

    kind: Literal["run", "export", "samples"]
    path: Path
    learned: DataConfig | None
    data_fingerprint: str | None = None
    step: int | None = None
    weights: Weights | None = None
    fingerprint: str | None = None
    family: str | None = None
    parentage: dict[str, Any] | None = None
    contract: Contract | None = None
    signatures: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    answered: Callable[[Iterable[_Asked]], Iterator[dict[str, np.ndarray]]] | None = None

    @property
    def modality(self) -> Modality:
        """Of what it makes."""
        return MODALITIES["image" if self.contract is None else self.contract.content]

    @property
    def takes_labels(self) -> bool:
        """Whether it makes what it is asked for by a label."""
        return self.contract is not None and "label" in self.contract.signatures["sample"].inputs

    def generate(
        self,
        seeds: np.ndarray,
        labels: np.ndarray | None = None,
        progress: Callable[[int], object] = lambda count: None,
    ) -> np.ndarray:
        """Stored content [N, ...] for int64 seeds [N], and labels [N] where it takes any; `progress` is called after
        each batch with the number of rows in it."""
        given = {"seed": seeds} if labels is None else {"seed": seeds, "label": labels}
        return self._content("sample", given, progress)

    def ways_in(self) -> dict[str, int]:
        """The signatures that make content of standard normal vectors, and how many numbers these have."""
        named = {} if self.contract is None else self.contract.named("decode")
        return {name: _width(self.signatures[name], each) for name, each in named.items() if name in self.signatures}

    def decode(
        self, vectors: np.ndarray, signature: str, labels: np.ndarray | None = None, **others: np.ndarray
    ) -> np.ndarray:
        """Stored content [N, ...] for vectors float32 [N, Z] that one of `ways_in` or a morph takes, and labels [N]
        where it takes any; `others` are its other inputs [N], which have their defaults else."""
        assert self.contract is not None
        inputs = self.contract.signatures[signature].inputs
        given = {vector_of(inputs): vectors, **others}
        if "label" in inputs and labels is not None:
            given["label"] = labels
        return self._content(signature, given)

    def scores(self, stored: np.ndarray, labels: np.ndarray | None = None, **others: float) -> dict[str, np.ndarray]:
        """What the model itself says about stored content [N, ...] (of labels [N]): arrays [N] by name, nothing for
        images that were left behind. `others` are values of other inputs, where a signature has such, in place of their
        defaults."""
        named = {} if self.contract is None else self.contract.named("score")
        found: dict[str, np.ndarray] = {}
        for name in named.keys() & self.signatures.keys():
            inputs = named[name].inputs
            given = {self.modality.name: stored}
            if "label" in inputs and labels is not None:
                given["label"] = labels
            given |= {key: np.full(len(stored), value) for key, value in others.items() if key in inputs}
            found |= self.answers(name, given)
        return found

    def _content(
        self, name: str, given: dict[str, np.ndarray], progress: Callable[[int], object] = lambda count: None
    ) -> np.ndarray:
        (made,) = self.answers(name, given, progress).values()
        return made

    def answers(
        self, name: str, given: dict[str, np.ndarray], progress: Callable[[int], object] = lambda count: None
    ) -> dict[str, np.ndarray]:
        """Outputs of a signature by name, asked for in batches, content as it is stored on both sides; inputs that are
        not given have their defaults."""
        found: dict[str, list[np.ndarray]] = {}
        rows = len(next(iter(given.values())))
        batches = [slice(start, start + _BATCH) for start in range(0, rows, _BATCH)]
        asked = ((name, {key: values[batch] for key, values in given.items()}) for batch in batches)
        answered = map(self._answer, asked) if self.answered is None else self.answered(asked)
        for batch, answers in zip(batches, answered):
            for key, answer in answers.items():
                found.setdefault(key, []).append(answer)
            progress(min(_BATCH, rows - batch.start))
        return {key: np.concatenate(parts) for key, parts in found.items()}

    def _answer(self, asked: _Asked) -> dict[str, np.ndarray]:
        """The answers of one batch."""
        assert self.contract is not None
        (name, given), content = asked, self.modality.name
        count = len(next(iter(given.values())))
        if content in given:
            given = {**given, content: self.modality.from_stored(given[content])}
        inputs = {
            key: tf.constant(np.asarray(given[key] if key in given else np.full(count, tensor.default), tensor.dtype))
            for key, tensor in self.contract.signatures[name].inputs.items()
        }
        answers = {key: answer.numpy() for key, answer in self.signatures[name](**inputs).items()}
        return {key: self.modality.to_stored(each) if key == content else each for key, each in answers.items()}

    def describe(self) -> dict[str, Any]:
        """What identifies it in a record."""
        return {
            "kind": self.kind,
            "path": str(self.path),
            "dataset": None if self.learned is None else self.learned.dataset,
            "step": self.step,
            "weights": self.weights,
            "fingerprint": self.fingerprint,
            **({} if self.parentage is None else {"parentage": self.parentage}),
        }


def of_model(model: GenerativeModel, run: RunFolder, weights: Weights = "ema") -> Subject:
    """A model in memory, as it is now."""
    config = run.read_config()
    fingerprint = model.fingerprint(weights)
    promised, functions = signatures.build(model, signatures.origin_of(fingerprint), weights)
    return Subject(
        kind="run",
        path=run.path,
        learned=config,
        data_fingerprint=run.read_spec().fingerprint,
        step=int(model.step.numpy()),
        weights=weights,
        fingerprint=fingerprint,
        family=config.model,
        parentage=run.read_parentage(),
        contract=promised,
        signatures=_Traced(functions),
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
        learned = of_recipe(card["recipe"])
        dangers = untrusted.inspect(version).dangers
        if dangers:
            raise UserError(f"{version} was not loaded: {'; '.join(dangers)}")
        with plain(version) as readable:
            model = tf.saved_model.load(str(readable))
        return Subject(
            kind="export",
            path=version,
            learned=learned,
            data_fingerprint=card["data"]["fingerprint"],
            step=card["step"],
            weights="ema",
            fingerprint=card["fingerprint"],
            family=card["recipe"].get("model", "gan"),  # the one family of exports that name none
            parentage=None if (told := card.get("parentage")) is None else {"fingerprint": told["fingerprint"], **told},
            contract=contract.of_export(version),
            signatures=_Loaded(model.signatures, model),
        )
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        raise UserError(
            f"{folder} is neither a run (it has no config.json) nor an export ({type(error).__name__}: {error})"
        ) from None


def of_samples(path: Path, learned: DataConfig | None = None) -> Subject:
    """A folder of image files or an `.npz` of images, judged against `learned`, or against what `evaluate` is given.

    It is read by `Modality.read_given`.
    """
    return Subject(kind="samples", path=path, learned=learned)


class _Traced(Mapping[str, Any]):
    """Functions of a model in memory, each traced when it is first asked for: few are, by any one judge."""

    def __init__(self, functions: Mapping[str, Any]) -> None:
        self._functions = functions
        self._traced: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._traced:
            self._traced[name] = self._functions[name].get_concrete_function()
        return self._traced[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)


class _Loaded(dict[str, Any]):
    """The signatures of a loaded SavedModel, and the model: without a reference to it its variables are deleted."""

    def __init__(self, signatures: Any, model: Any) -> None:
        super().__init__(signatures)
        self.model = model


def spread_labels(count: int, class_counts: Sequence[int]) -> np.ndarray:
    """Labels int64 [count] in the proportions of `class_counts`; label i depends on nothing but i and these.

    The fractions of i times the golden ratio fill [0, 1) evenly from the first on (a Kronecker sequence), so that any
    number of samples has each class as often as it should. ValueError without any class.
    """
    if not np.sum(class_counts):
        raise ValueError("labels cannot be asked for where there are no classes")
    shares = np.cumsum(class_counts) / np.sum(class_counts)
    points = (np.arange(count) * ((np.sqrt(5) - 1) / 2)) % 1.0
    return np.minimum(np.searchsorted(shares, points, side="right"), len(shares) - 1).astype(np.int64)


def vector_of(inputs: Mapping[str, Tensor]) -> str:
    """The name of the input that takes standard normal vectors: the one that nothing stands in for."""
    (name,) = [name for name, tensor in inputs.items() if tensor.default is None]
    return name


def _width(function: Any, signature: Signature) -> int:
    """Read off the function: exports without a contract do not say it elsewhere."""
    arguments, named = function.structured_input_signature
    specs = {spec.name: spec for spec in tf.nest.flatten([arguments, named])}
    return specs[vector_of(signature.inputs)].shape[1]
