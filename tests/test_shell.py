"""What is printed to be copied works where it is pasted."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from aigc_tf.command_line import parse
from aigc_tf.commands.label import Command
from aigc_tf.errors import UserError
from aigc_tf.rollout import moves, versions
from aigc_tf.shell import quoted


@pytest.mark.parametrize("name", ["plain", "-x", "--to", "-1", "a b", "-a'b", "$HOME", "*", "./-x", "~x"])
def test_a_file_of_any_name_is_reached(tmp_path, name):
    (tmp_path / name).write_text("here")
    done = subprocess.run(f"cat {quoted(Path(name))}", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("here", "")


@pytest.mark.parametrize("label", ["stable", "-x"])
@pytest.mark.parametrize("base", ["models/digits", "-models/digits", "-x"])
def test_the_command_that_moves_a_label(base, label):
    words = shlex.split(moves.command(Path(base), label, 2))
    assert words[:4] == ["python", "-m", "aigc_tf", "label"]
    assert parse(Command, words[4:], "label") == Command(Path(base), label, 2)


def test_a_base_path_may_begin_with_a_hyphen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"publish one with export --to \./-models$"):
        versions.existing(Path("./-models"))
