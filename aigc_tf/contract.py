"""What an export promises: its signatures, what they take and give, and what holds between them.

It is written to `assets.extra/contract.json` of a version, and a server tells it through the signature `contract`.
Verification, warm-up, conformance, clients and judging know of an export what stands in it. Exports made before have
none: `of_before` says what those promise. Importing this module imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import dacite
import numpy as np

from aigc_tf.errors import UserError

FILE = Path("assets.extra", "contract.json")
SIGNATURE = "contract"
"""The signature that answers with this very text for each seed."""
_NUMBERS = re.compile(r"\[\n\s+-?\d[-+.e\d,\s]*\]")

Purpose = Literal[
    "files", "content", "draw", "decode", "morph", "encode", "reconstruct", "score", "inpaint", "contract"
]


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or an output of a signature; its first dimension is the number of rows, and free.

    Attributes:
        dtype: TensorFlow's name: "int64", "float32" or "string".
        row: its shape without the rows; None for a dimension of any size.
        minimum: the least value of a number; None for no bound.
        maximum: the greatest.
        default: what an input counts as where nobody cares; None for an input that must be thought of.
        beyond: what an input below `minimum`, above `maximum` or that is no number counts as: "clipped" for the nearest
            bound (`default` where it is no number), "default" for the default; empty where there are no bounds.
        file: the kind of file that each string holds, as `Modality.file` names it; empty for no file.
        fixed_at: the value of an input at which all seeds have one answer, while no other input is left to chance;
            None where there is none.
    """

    dtype: str
    row: tuple[int | None, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    default: float | int | None = None
    beyond: Literal["", "clipped", "default"] = ""
    file: str = ""
    fixed_at: float | None = None

    def typed(self, number: float) -> float | int:
        """A number as it is sent: a whole one for a type of those."""
        return float(number) if self.dtype.startswith("float") else int(number)


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function of the model on rows: row i of each output depends on row i of the inputs only.

    Attributes:
        purpose: "files" (from a seed to a file of content), "content" (from a seed to content as numbers), "draw" (from
            a seed to all that a signature which decodes makes its content of), "decode" (from a standard normal vector
            to content), "morph" (from such a vector, a label, another one and a share of the way between these classes
            to content), "encode" (from content to such a vector), "reconstruct" (from
            content to what the model makes of it), "score" (from content to numbers about it), "inpaint" (from a seed,
            content and a mask, 1 in the part that is made anew, to a file of content) or "contract".
        inputs: by name.
        outputs: by name.
        row_exact: whether a row of the answer is the same bytes alone, in any batch and in any order.
        shows: the signature whose numbers the files show, rounded once; empty for none.
        same_as: the signature that answers the same where the inputs that it lacks have their defaults; empty for none.
        directions: of one that decodes, unit vectors along which what it makes changes most, the most telling first;
            empty where nobody knows any.
    """

    purpose: Purpose
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    row_exact: bool = False
    shows: str = ""
    same_as: str = ""
    directions: tuple[tuple[float, ...], ...] = ()

    def rows(self, seeds: Iterable[int]) -> dict[str, np.ndarray]:
        """Inputs, by name, for these seeds, with all others that have a default at theirs."""
        numbers = np.fromiter(seeds, np.int64)
        others = {name: tensor for name, tensor in self.inputs.items() if tensor.default is not None}
        defaults = {name: np.full(len(numbers), each.default, each.dtype) for name, each in others.items()}
        return {"seed": numbers, **defaults}

    def variants(self) -> list[dict[str, float | int]]:
        """Values for the inputs that have a default: first all at theirs, then each in turn at its bounds."""
        known = {name: each for name, each in self.inputs.items() if each.default is not None}
        defaults = {name: each.typed(each.default or 0) for name, each in known.items()}
        bounds = [
            {name: each.typed(bound)}
            for name, each in known.items()
            for bound in (each.minimum, each.maximum)
            if bound is not None
        ]
        return [{**defaults, **bound} for bound in ({}, *bounds)]


@dataclasses.dataclass(frozen=True)
class Contract:
    """All that is promised of a version.

    Attributes:
        content: what it makes, a name in `aigc_tf.modalities.MODALITIES`.
        signatures: by name.
        origin: the text in each file that says what made it; empty where it is not known.
        class_names: of the labels that it takes, in their order; empty where it takes none.
    """

    content: str
    signatures: Mapping[str, Signature]
    origin: str = ""
    class_names: tuple[str, ...] = ()

    def named(self, purpose: Purpose) -> dict[str, Signature]:
        """The signatures that serve this purpose."""
        return {name: each for name, each in self.signatures.items() if each.purpose == purpose}

    @property
    def num_classes(self) -> int:
        """Of the labels that sampling takes; 0 where it takes none."""
        sampling = {**self.named("files"), **self.named("content")}.values()
        labels = [each.inputs["label"] for each in sampling if "label" in each.inputs]
        return int(labels[0].maximum or 0) + 1 if labels else 0

    @property
    def made(self) -> str:
        """The output that holds content as numbers."""
        (name,) = self.signatures["sample"].outputs
        return name

    def to_json(self) -> str:
        """The text of contract.json; what is not said has its default, and numbers of a list stand in one line."""
        text = json.dumps(_brief(dataclasses.asdict(self)), indent=2) + "\n"
        return _NUMBERS.sub(lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text)


def from_json(text: str, origin: str = "the contract") -> Contract:
    """Raises UserError, naming `origin`, for a text that is no contract."""
    try:
        promised = dacite.from_dict(Contract, json.loads(text), dacite.Config(cast=[tuple], strict=False))
        _check(promised)
        return promised
    except (ValueError, TypeError, RecursionError, dacite.DaciteError) as error:
        raise UserError(f"{origin} is damaged, or of another version of aigc_tf ({error})") from None


def of_export(version: Path) -> Contract:
    """The contract of a version. Raises UserError for one that cannot be read."""
    file = version / FILE
    try:
        return from_json(file.read_text(encoding="utf-8"), str(file))
    except FileNotFoundError:
        return of_before()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {file}: {error}") from None


def of_before() -> Contract:
    """What exports without a contract promise: five signatures, of images whose size it does not say."""
    seed, image, file = Tensor("int64"), Tensor("float32", (None,) * 3, 0.0, 1.0), Tensor("string", file="png")
    truncation = Tensor("float32", (), 0.0, 1.0, default=1.0, beyond="clipped", fixed_at=0.0)
    return Contract(
        content="image",
        signatures={
            "serving_default": Signature(
                "files", {"seed": seed}, {"image_bytes": file}, row_exact=True, shows="sample"
            ),
            "truncated": Signature(
                "files", {"seed": seed, "truncation": truncation}, {"image_bytes": file}, same_as="serving_default"
            ),
            "sample": Signature("content", {"seed": seed}, {"image": image}),
            "decode": Signature("decode", {"latent": Tensor("float32", (None,))}, {"image": image}),
            "discriminate": Signature("score", {"image": image}, {"logit": Tensor("float32")}),
        },
    )


def _check(promised: Contract) -> None:
    """Raise ValueError where a contract contradicts itself, or lacks what everybody relies on."""
    for name, purpose in (("serving_default", "files"), ("sample", "content")):
        if getattr(promised.signatures.get(name), "purpose", None) != purpose:
            raise ValueError(f"it has no signature {name} for {purpose}")
    decoded = [each.inputs for each in promised.named("decode").values()]
    for name, each in promised.signatures.items():
        if not each.inputs or not each.outputs:
            raise ValueError(f"{name} takes or gives nothing")
        for key, tensor in {**each.inputs, **each.outputs}.items():
            _check_tensor(f"{key} of {name}", tensor)
        if each.purpose in ("files", "content", "contract"):
            _check_sampling(name, each)
        if each.purpose == "draw" and not any(each.outputs.keys() == other.keys() for other in decoded):
            raise ValueError(f"nothing decodes what {name} draws")
        if each.shows and getattr(promised.signatures.get(each.shows), "purpose", None) != "content":
            raise ValueError(f"{name} shows {each.shows}, which gives no content")
        vectors = {tensor.row for tensor in each.inputs.values() if tensor.default is None}
        if each.directions and {(len(direction),) for direction in each.directions} != vectors:
            raise ValueError(f"directions of {name} are no vectors that it takes")
        other = promised.signatures.get(each.same_as)
        if each.same_as and not (
            other and other.outputs == each.outputs and other.inputs.items() <= each.inputs.items()
        ):
            raise ValueError(f"{name} cannot be the same as {each.same_as}")


def _check_sampling(name: str, signature: Signature) -> None:
    if signature.inputs.get("seed") != Tensor("int64"):
        raise ValueError(f"{name} takes no seed")
    if len(signature.outputs) != 1:
        raise ValueError(f"{name} gives {', '.join(signature.outputs)} where one thing is expected")
    if signature.purpose == "files" and not all(each.file for each in signature.outputs.values()):
        raise ValueError(f"{name} gives no files")
    without = [key for key, each in signature.inputs.items() if key != "seed" and each.default is None]
    if without:
        raise ValueError(f"{', '.join(without)} of {name} has no default")


def _check_tensor(name: str, tensor: Tensor) -> None:
    if tensor.dtype != "string" and np.dtype(tensor.dtype).kind not in "biuf":
        raise ValueError(f"{name} is of the type {tensor.dtype}")
    if tensor.beyond and None in (tensor.minimum, tensor.maximum, tensor.default):
        raise ValueError(f"{name} has no bounds or no default to count as")


def _brief(value: Any) -> Any:
    """Without what has its default, which is nothing in all these fields; a bound or a default of 0 is something."""
    if not isinstance(value, dict):
        return value
    told = {name: each for name, each in value.items() if each is not None and each is not False}
    return {name: _brief(each) for name, each in told.items() if each not in ("", ())}
