"""What every benchmark writes: its figures with all they depend on, as JSON, and a page for people beside it."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

from aigc_tf import environment

RESULTS = Path(__file__).parent / "results"

_PRIVATE = ("command", "tensorflow_variables")  # they hold paths of somebody's machine


def circumstances() -> dict[str, Any]:
    """Date, commit, versions and machine. To be taken before measuring: the load is that of others."""
    described = {name: value for name, value in environment.describe().items() if name not in _PRIVATE}
    return {"date": datetime.date.today().isoformat(), "load_average": round(os.getloadavg()[0], 2), **described}


def write(name: str, title: str, around: dict[str, Any], figures: dict[str, Any], page: str, folder: Path) -> None:
    """Write `folder/name.json`, and `folder/name.md` with `title`, the circumstances `around` in a line, and `page`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"circumstances": around, **figures}, indent=1) + "\n")
    packages = ", ".join(f"{package} {around['packages'][package]}" for package in ("tensorflow", "numpy"))
    gibibytes = (around["memory_bytes"] or 0) / 2**30
    line = (
        f"{around['date']}; {around['cores']} x {around['processor']}, {gibibytes:.0f} GiB; "
        f"commit {(around['commit'] or 'unknown')[:12]}{' with changes' if around['uncommitted_changes'] else ''}; "
        f"Python {around['python']}, {packages}; load average before {around['load_average']}"
    )
    (folder / f"{name}.md").write_text(f"# {title}\n\n{line}.\n\n{page.strip()}\n")


def table(header: list[str], rows: list[list[object]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)
