"""Three servers of one model config, which read it at unequal intervals: all follow, whatever moves."""

from __future__ import annotations

import os
import shlex
import threading
import time
from pathlib import Path

import pytest
from commands import ROOT, refused, run, succeed
from fleet import Member, publish, serving, until

from aigc_tf.command_line import parse
from aigc_tf.commands.label import Command
from aigc_tf.rollout import labels, model_config, moves
from aigc_tf.rollout.servers import RolloutError, Servers

POLLS = (0.3, 0.47, 0.83)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> tuple[Path, list[Member]]:
    """Base path of a model of nine versions, with `stable` on the first, and its servers; another is faces."""
    folder = tmp_path_factory.mktemp("models")
    for name, count in (("digits", 9), ("faces", 2)):
        publish(folder / name, count)
        moves.move(folder / name, "stable", 1)
    with serving(folder / "models.config", *POLLS) as members:
        yield folder / "digits", members


@pytest.fixture(autouse=True)
def all_begin_at_version_1(fleet):
    """Whatever a test left, all servers are there and have `stable` on 1 when the next begins."""
    base, members = fleet
    for model in (base, base.with_name("faces")):
        moves.move(model, "stable", 1, every(members))
    # What they had loaded before goes a moment after the label; a server put to sleep meanwhile would keep it.
    until(lambda: all(member.available(base.name) == [1] for member in members))
    yield


def every(members: list[Member], **options) -> Servers:
    return Servers(tuple(member.address for member in members), **{"patience": 30.0, **options})


def flags(members: list[Member]) -> list[str]:
    return [part for member in members for part in ("--server", member.address)]


def answers(members: list[Member], label: str = "stable") -> list[str]:
    return [member.answer(label) for member in members]


def test_each_server_is_waited_for_and_no_request_fails(fleet):
    base, members = fleet
    ended, seen = threading.Event(), {member.address: [] for member in members}

    def client(member: Member) -> None:
        while not ended.is_set():
            seen[member.address].append(member.answer("stable"))
            time.sleep(0.01)

    clients = [threading.Thread(target=client, args=(member,)) for member in members]
    for each in clients:
        each.start()
    try:
        for version in (2, 3, 2, 4):
            said = moves.move(base, "stable", version, every(members))
            assert said.startswith(f"stable names version {version}, before it was ")
            assert answers(members) == [str(version)] * 3
        said = succeed(run("-m", "aigc_tf", "label", base, "stable", "--version", 5, *flags(members)))
        assert said == "stable names version 5, before it was 4\n" and answers(members) == ["5"] * 3
        succeed(run("-m", "aigc_tf", "rollback", base, *flags(members)))
        assert answers(members) == ["4"] * 3
    finally:
        ended.set()
        for each in clients:
            each.join()
    for versions in seen.values():
        once = [one for one, before in zip(versions, ["", *versions]) if one != before]
        assert once == list("1232454")


def test_without_servers_the_second_step_waits_longer_than_they_do(fleet):
    base, members = fleet
    for version in (2, 3):
        assert "is listed to be loaded" in moves.move(base, "stable", version)
        said, began = [], time.time()
        moves.move(base, "stable", version, Servers(wait=1.2), said.append)
        assert time.time() - began > 0.8 and len(said) == 1 and "stable moves in 1." in said[0]
        until(lambda expected=str(version): answers(members) == [expected] * 3)


def strand(base: Path, member: Member, others: list[Member], version: int) -> None:
    """Move stable while one server reads nothing, and is not asked."""
    kept = member.answer("stable", base.name)
    with member.asleep():
        for _ in range(1 if others else 2):
            moves.move(base, "stable", version, every(others, wait=0.0))
    time.sleep(3 * member.poll)
    assert member.answer("stable", base.name) == kept
    assert any(f"cannot move to version {version}" in line for line in member.log)


def test_a_stranded_server_is_brought_back_by_the_next_move(fleet):
    base, members = fleet
    strand(base, members[2], members[:2], 2)
    said = succeed(run("-m", "aigc_tf", "label", base, "stable", "--version", 3, *flags(members)))
    told, result = said.splitlines()
    assert told.startswith(f"{members[2].address} has stable of digits on version 1 and refuses every config")
    assert result == "stable names version 3, before it was 2" and answers(members) == ["3"] * 3
    assert labels.version_before(base, "stable") == 2  # that all went back for a while is no history

    strand(base, members[0], members[1:], 4)  # to the version that it is to have already
    moves.move(base, "stable", 4, every(members))
    assert answers(members) == ["4"] * 3


def test_back_to_what_a_stranded_server_has_needs_no_detour(fleet):
    base, members = fleet
    strand(base, members[1], [members[0], members[2]], 2)
    said = []
    moves.move(base, "stable", 1, every(members), said.append)
    assert said == [] and answers(members) == ["1"] * 3


def test_servers_stranded_at_different_versions_and_by_another_model(fleet):
    base, members = fleet
    strand(base, members[0], members[1:], 2)
    strand(base, members[1], members[2:], 3)
    strand(base.with_name("faces"), members[2], [], 2)
    said = []
    moves.move(base, "stable", 4, every(members), said.append)
    assert answers(members) == ["4"] * 3
    servers = [one.partition(" has ")[0] for one in said]
    assert servers == [member.address for member in members] and "stable of faces on version 1" in said[2]
    assert labels.labels(base.with_name("faces")) == [("stable", 2)]
    until(lambda: [member.answer("stable", "faces") for member in members] == ["2"] * 3)


def test_pruning_keeps_what_a_server_may_still_serve(fleet):
    base, members = fleet
    for version in (2, 3):
        moves.move(base, "stable", version, every(members))
    strand(base, members[2], members[:2], 5)
    spare = [version for version in range(1, 10) if (base / str(version)).is_dir()]
    assert labels.prune(base, len(spare) - 3) == [1, 2]  # and not 3, which the last move left
    moves.move(base, "stable", 6, every(members[:2]))
    moves.move(base, "stable", 7, every(members[:2]))
    said = succeed(run("-m", "aigc_tf", "prune", base, "--keep", 1, *flags(members)))
    assert said == "removed: 4, 5, 8\n"  # 3 is in memory, and 6 was left
    publish(base, 9)


def test_a_server_that_lost_its_version_is_told_to_be_restarted(fleet):
    base, members = fleet
    strand(base, members[2], members[:2], 2)
    (base / "1").rename(base / "gone")
    try:
        # Until it looks again it still answers with that version; then with none, and what it refuses nobody can see.
        with pytest.raises(RolloutError, match="version 1 is gone.*restart this server|not within 5 s.*restart it"):
            moves.move(base, "stable", 3, every(members, patience=5.0))
    finally:
        (base / "gone").rename(base / "1")
    assert labels.labels(base) == [("stable", 2)]


def test_a_server_that_is_down_is_told_within_seconds_and_nothing_changes(fleet):
    base, members = fleet
    before = model_config.read(labels.config_file(base))
    with members[1].asleep():
        began = time.monotonic()
        line = refused(run("-m", "aigc_tf", "label", base, "stable", "--version", 2, *flags(members)), 1)
        assert f"{members[1].address} does not answer" in line
        assert time.monotonic() - began < 30
        line = refused(run("-m", "aigc_tf", "prune", base, "--keep", 1, "--server", "127.0.0.1:9"), 1)
        assert "127.0.0.1:9 does not answer: " in line and "refused" in line
    assert model_config.read(labels.config_file(base)) == before and len(list(base.iterdir())) == 9


ODD = ["a/b c", "[bold]x[/]", "quo\"te's", "標籤", "100%25", ":thumbs_up:", "-x", "stable;"]


def test_any_name_of_a_label(fleet):
    """Whatever TensorFlow Serving takes as a label, and all servers answer for it."""
    base, members = fleet
    for label in ODD:
        said = moves.move(base, label, 1, every(members))
        assert said == f"{label} names version 1"
    assert [answers(members, label) for label in ODD] == [["1"] * 3] * len(ODD)
    for version, label in enumerate(ODD, 2):  # a version that is not listed yet: only its first step is made
        printed = shlex.split(moves.move(base, label, version).rpartition("python -m aigc_tf label ")[2])
        assert parse(Command, printed, "label") == Command(base, label, version)
        if label == "-x":
            succeed(run("-m", "aigc_tf", "label", *flags(members), *printed))
            assert answers(members, "-x") == [str(version)] * 3
    listed = succeed(run("-m", "aigc_tf", "list", base, env={**os.environ, "COLUMNS": "300"}))
    assert all(label in listed for label in ODD)
    labels.withdraw(base)
    moves.move(base, "stable", 1, every(members))


def test_a_name_stands_for_all_its_addresses(fleet, tmp_path):
    """As that of a headless service does: the name's look-up is ours, all else is real."""
    base, members = fleet
    ports = [int(member.address.rpartition(":")[2]) for member in members]
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "real = socket.getaddrinfo\n"
        "def found(host, *rest, **options):\n"
        "    if host != 'serving-pods':\n"
        "        return real(host, *rest, **options)\n"
        f"    return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', ('127.0.0.1', port)) for port in {ports}]\n"
        "socket.getaddrinfo = found\n"
    )
    named = {"env": {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}}
    command = ("-m", "aigc_tf", "label", base, "stable", "--version")
    succeed(run(*command, 2, "--server", "serving-pods:8501", **named))
    assert answers(members) == ["2"] * 3
    line = refused(run(*command, 3, "--server", "no-such-name.invalid:8501", "--patience", 1), 1)
    assert "no-such-name.invalid:8501 does not answer" in line
