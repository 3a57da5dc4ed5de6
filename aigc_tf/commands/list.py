"""`python -m aigc_tf list`."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text
from tyro.conf import Positional

from aigc_tf import terminal
from aigc_tf.rollout import labels
from aigc_tf.rollout.versions import existing


@dataclasses.dataclass(frozen=True)
class Command:
    """List the versions of a model and the labels that name them."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""

    def run(self) -> int:
        table = Table(title=Text(str(self.base)))  # as text: brackets in a path are no markup
        for column in ("version", "labels", "step", "data", "weights", "published"):
            table.add_column(column, no_wrap=True)
        named = labels.labels(self.base)
        versions = existing(self.base)
        for version in versions:
            folder = self.base / str(version)
            card = _card(folder)
            table.add_row(
                str(version),
                ", ".join(label for label, number in named if number == version),
                str(card.get("step", "")),
                str((card.get("recipe") or {}).get("dataset", "")),
                str(card.get("fingerprint", ""))[:19],
                f"{datetime.fromtimestamp(folder.stat().st_mtime):%Y-%m-%d %H:%M}",
            )
        terminal.console(markup=False, emoji=False).print(table)  # a label may hold brackets and colons
        for label, number in named:
            if number not in versions:
                print(f"warning: {label} names version {number}, which is not there", file=sys.stderr)
        if warning := labels.unreadable(self.base):
            print(f"warning: {warning}", file=sys.stderr)
        return 0


def _card(folder: Path) -> dict:
    """The model card of a version, nothing where it has none that can be read."""
    try:
        card = json.loads((folder / "assets.extra" / "model_card.json").read_text())
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}
