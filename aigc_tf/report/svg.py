"""Drawings by matplotlib as SVG, to stand inside of a page and take its colours."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
from matplotlib.figure import Figure

INK = "#0a0b0c"  # stands for the colour of the page's text, which is dark on light or light on dark
COLOURS = ("#2f81c1", "#d9772b", "#a05fb4")  # told apart on white and on black, and by the colour-blind
_METADATA = ("Creator", "Date", "Format", "Type")
STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a class may be called $x$
    "font.size": 10,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def drawn(figure: Figure, axes: Any, name: str) -> str:
    """The figure as an <svg> element: no header, no date, identifiers of its own, text in the page's colour."""
    file = io.StringIO()
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    return re.sub(r'( id="|="#|url\(#)', rf"\g<1>{name}-", text)
