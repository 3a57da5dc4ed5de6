"""Pages: one HTML file each, which needs nothing beside itself.

Pictures are part of it, there is no script, and its security policy forbids a browser to fetch anything. It is
well-formed XML too, so that other programs can read it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2

from aigc_tf.atomic_files import write_atomically
from aigc_tf.report import embedding, words

# Names and paths may hold what no HTML may (control characters, halves of characters).
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(file: Path, template: str, /, **shown: Any) -> None:
    """Write as `file` what `template`, the name of one beside this module, makes of what is `shown`: the whole of it or
    nothing. Raises OSError where the disk does not take it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"embedded": embedding.of_array, "number": words.number}
    text = environment.get_template(template).render(**shown)
    write_atomically(file, _UNPRINTABLE.sub("\ufffd", text))
