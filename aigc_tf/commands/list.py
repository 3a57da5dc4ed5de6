"""`python -m aigc_tf list`."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from aigc_tf.rollout import labels
from aigc_tf.rollout.versions import existing


@dataclasses.dataclass(frozen=True)
class Command:
    """List the versions of a model and the labels that name them."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""

    def run(self) -> int:
        table = Table(title=str(self.base))
        for column in ("version", "labels", "step", "data", "weights", "published"):
            table.add_column(column, no_wrap=True)
        named = labels.labels(self.base)
        for version in existing(self.base):
            folder = self.base / str(version)
            card = _card(folder)
            table.add_row(
                str(version),
                " ".join(label for label, number in named if number == version),
                str(card.get("step", "")),
                card.get("recipe", {}).get("dataset", ""),
                card.get("fingerprint", "")[:19],
                f"{datetime.fromtimestamp(folder.stat().st_mtime):%Y-%m-%d %H:%M}",
            )
        Console().print(table)
        return 0


def _card(folder: Path) -> dict:
    """The model card of a version, nothing where it has none."""
    file = folder / "assets.extra" / "model_card.json"
    return json.loads(file.read_text()) if file.is_file() else {}
