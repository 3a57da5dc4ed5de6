"""JSON that scripts get."""

from __future__ import annotations

import json
from pathlib import Path

from aigc_tf import json_files, terminal

# A folder of that name may be judged: a byte that is no text, as Python has it.
NAMES = {"path": "logs/\udcff", "class": "狗"}


def test_a_file_holds_any_name(tmp_path):
    json_files.write(NAMES, tmp_path / "record.json")
    text = (tmp_path / "record.json").read_bytes()
    assert text.isascii() and json.loads(text) == NAMES


def test_people_read_their_names_in_a_file_of_their_own(tmp_path, capsys):
    names = {"class": "狗"}
    json_files.write(names, tmp_path / "check.json", for_people=True)
    assert "狗" in (tmp_path / "check.json").read_text(encoding="utf-8")
    json_files.write(names, json_files.STANDARD_OUTPUT, for_people=True)
    shown = capsys.readouterr().out
    assert shown.isascii() and json.loads(shown) == names


def test_standard_output_gets_it_where_all_else_is_hushed(capsys):
    with terminal.hushed():
        print("a table")
        json_files.write({"value": 1}, Path("-"))
    assert json.loads(capsys.readouterr().out) == {"value": 1}
