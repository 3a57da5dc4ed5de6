"""What somebody thought of pictures: a line of JSON for each that was rated, for whoever wants to learn from them."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aigc_tf import json_lines
from aigc_tf.errors import UserError

_HASH = re.compile("[0-9a-f]{64}")
_FIELDS = {"signature", "seed", "label", "settings", "rating", "sha256"}


def keep(file: Path, body: bytes, made_by: Mapping[str, Any], class_names: Sequence[str]) -> None:
    """Add what the page has sent to `file`.

    Each line has the time (UTC), what `made_by` says of the model, the signature that was asked, the seed, the label
    and its class (None: the model chose), the other inputs that are numbers (`settings`), the rating (1 or -1) and the
    SHA-256 of the file that was rated.

    Raises:
        UserError: it is no rating.
        OSError: the disk does not take it.
    """
    rated = _checked(body)
    label = rated["label"]
    named = label is not None and 0 <= label < len(class_names)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    record = {"time": now, **made_by, **rated, "class": class_names[label] if named else None}
    file.parent.mkdir(parents=True, exist_ok=True)
    json_lines.append(file, record)


def _checked(body: bytes) -> dict[str, Any]:
    try:
        rated = json.loads(body)
    except (ValueError, RecursionError):
        rated = None
    if not isinstance(rated, dict) or rated.keys() != _FIELDS:
        raise UserError(f"a rating has {', '.join(sorted(_FIELDS))}")
    settings = rated["settings"]
    right = {
        "signature": isinstance(rated["signature"], str),
        "seed": _is_int64(rated["seed"]),
        "label": rated["label"] is None or _is_int64(rated["label"]),
        "settings": isinstance(settings, dict) and all(map(_is_number, settings.values())),
        "rating": rated["rating"] in (1, -1) and type(rated["rating"]) is int,
        "sha256": isinstance(rated["sha256"], str) and bool(_HASH.fullmatch(rated["sha256"])),
    }
    wrong = [name for name, is_right in right.items() if not is_right]
    if wrong:
        raise UserError(f"{', '.join(wrong)} of the rating cannot be understood")
    return rated


def _is_int64(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_number(value: Any) -> bool:
    return type(value) is float and math.isfinite(value) or _is_int64(value)
