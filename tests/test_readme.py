"""The pages that lead in say the same in both languages, and nothing that is not there."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from commands import ROOT

from aigc_tf.cli import EvaluateCommand
from aigc_tf.commands import COMMANDS
from aigc_tf.registry import Registry
from aigc_tf.train_command import parse_training

CHINESE = sorted(ROOT.glob("*.zh-CN.md")) + sorted((ROOT / "docs").glob("*.zh-CN.md"))
PAIRS = [(page.with_name(page.name.replace(".zh-CN", "")), page) for page in CHINESE]
PAGES = [page for pair in PAIRS for page in pair]
BEGINS = ("--resume", "--from", "--config", "--help")  # with which train.py reads files that are not here


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[str]:
    """Lines that stand indented, as commands do; of those with a remark behind, what stands before it."""
    lines = (line.strip() for line in page.read_text().splitlines() if line.startswith("    "))
    return [line if line.startswith(("python", ">>>", ".")) else re.split(r"\s{2,}", line)[0] for line in lines]


def prose(page: Path) -> str:
    """All but what stands indented."""
    return "\n".join(line for line in page.read_text().splitlines() if not line.startswith("    "))


def spans(page: Path) -> list[str]:
    """What stands between backquotes."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", prose(page))


def commands() -> set[str]:
    """Everything that is given as a command to type."""
    found = {line for page in PAGES for line in (*blocks(page), *spans(page))}
    parts = {part.strip() for line in found for part in line.split("&&")}
    return {part for part in parts if re.match(r"(python|\./)\S* \S", part) and "NAME" not in part}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: name(pair[0]))
def test_both_languages_say_the_same(pair):
    """Sentences cannot be compared; what they name, link to, and count can."""
    english, chinese = pair
    assert blocks(english) == blocks(chinese)
    assert Counter(spans(english)) == Counter(spans(chinese))
    linked = [Counter(link.partition("#")[0].replace(".zh-CN", "") for link in links(page)) for page in pair]
    assert linked[0] == linked[1]
    for mark in ("\n## ", "\n- ", "\n| "):
        assert english.read_text().count(mark) == chinese.read_text().count(mark), mark
    numbers = [Counter(re.findall(r"\d[\d,.]*\d|\d", re.sub(r"\]\([^)]*\)", "", prose(page)))) for page in pair]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs").glob("*.md"))], ids=name)
def test_what_is_linked_is_there(page):
    for link in links(page):
        if link.startswith("http"):
            continue
        path, _, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if part:
            titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert part in anchors, link


def test_a_newcomer_reads_it_in_ten_minutes():
    assert len((ROOT / "README.md").read_text().split()) < 2_500  # 250 words a minute


@pytest.mark.parametrize("command", sorted(commands()))
def test_a_command_has_the_flags_that_it_is_shown_with(command):
    words = shlex.split(re.split(r" [|>] ", command)[0])
    if words[1:2] == ["train.py"]:
        if not set(BEGINS) & set(words):
            parse_training([word for word in words[2:] if not word.startswith("--tyro-")])
        return
    flags = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"}
    if words[1:3] == ["-m", "aigc_tf"]:
        kind = COMMANDS[words[3].replace("-", "_")]
        kind = kind[words[4]] if isinstance(kind, Registry) else kind
        known = {field.name.replace("_", "-") for field in dataclasses.fields(kind)} | {"class", "dataset"}
    elif words[1:2] == ["evaluate.py"]:
        known = {field.name.replace("_", "-") for field in dataclasses.fields(EvaluateCommand)}
    else:
        return
    assert {flag.removeprefix("--").removeprefix("no-") for flag in flags} <= known
