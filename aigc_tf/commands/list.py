"""`python -m aigc_tf list`."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from tyro.conf import Positional

from aigc_tf import json_files, terminal
from aigc_tf.command_line import check_writable
from aigc_tf.rollout import labels
from aigc_tf.rollout.versions import existing


@dataclasses.dataclass(frozen=True)
class Command:
    """List the versions of a model and the labels that name them."""

    base: Positional[Path]
    """Base path of the model, such as models/digits."""
    json: Path | None = None
    """Write the list to this file; - is standard output, which holds nothing else then."""

    def __post_init__(self) -> None:
        if self.json is not None:
            check_writable("--json", self.json)

    def run(self) -> int:
        named = labels.labels(self.base)
        versions = existing(self.base)
        listed = [self._described(version, named) for version in versions]
        if self.json is not None:
            json_files.write({"base": str(self.base), "versions": listed}, self.json)
        if self.json != json_files.STANDARD_OUTPUT:
            self._show(listed)
        for label, number in named:
            if number not in versions:
                print(f"warning: {label} names version {number}, which is not there", file=sys.stderr)
        if warning := labels.unreadable(self.base):
            print(f"warning: {warning}", file=sys.stderr)
        return 0

    def _described(self, version: int, named: list[tuple[str, int]]) -> dict[str, Any]:
        folder = self.base / str(version)
        card = _card(folder)
        return {
            "version": version,
            "labels": [label for label, number in named if number == version],
            "step": card.get("step"),
            "data": (card.get("recipe") or {}).get("dataset"),
            "weights": card.get("fingerprint"),
            "published": f"{datetime.fromtimestamp(folder.stat().st_mtime):%Y-%m-%d %H:%M}",
        }

    def _show(self, listed: list[dict[str, Any]]) -> None:
        table = Table(title=Text(str(self.base)))  # as text: brackets in a path are no markup
        for column in ("version", "labels", "step", "data", "weights", "published"):
            table.add_column(column, no_wrap=True)
        for each in listed:
            shown = {**each, "labels": ", ".join(each["labels"]), "weights": str(each["weights"] or "")[:19]}
            table.add_row(*("" if value is None else str(value) for value in shown.values()))
        terminal.console(markup=False, emoji=False).print(table)  # a label may hold brackets and colons


def _card(folder: Path) -> dict:
    """The model card of a version, nothing where it has none that can be read."""
    try:
        card = json.loads((folder / "assets.extra" / "model_card.json").read_text())
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}
