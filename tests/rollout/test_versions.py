"""Whoever lists a base path never sees half a version, whatever happens to those who publish."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from commands import ROOT

from aigc_tf.errors import UserError
from aigc_tf.rollout import versions

# Publishes again and again: files of some size, written in pieces, in folders, as an export's are.
PUBLISHER = """
import sys
from pathlib import Path
from aigc_tf.rollout import versions
base = Path(sys.argv[1])
while True:
    with versions.building(base) as folder:
        for number in range(8):
            file = folder / "variables" / str(number)
            file.parent.mkdir(exist_ok=True)
            with file.open("wb") as out:
                for _ in range(16):
                    out.write(bytes(1024))
                    out.flush()
        versions.publish(folder, base)
    found = versions.versions(base)
    if len(found) > 6:
        try:
            versions.remove(base, found[0])
        except FileNotFoundError:
            pass  # the other one did
"""


def whole(folder: Path) -> bool:
    """Whether all is there, as seen by somebody who opened the folder under its number."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return True  # it was removed, and its number with it
    try:
        moved = not folder.exists()
        sizes = []
        for number in range(8):
            try:
                sizes.append(os.stat(f"variables/{number}", dir_fd=descriptor).st_size)
            except FileNotFoundError:
                sizes.append(0)
        return sizes == [16 * 1024] * 8 or moved or not folder.exists()
    finally:
        os.close(descriptor)


def test_a_poller_sees_whole_versions_while_publishers_are_killed(tmp_path):
    base = tmp_path / "digits"
    base.mkdir()
    listings, broken, stop = 0, [], threading.Event()

    def poll() -> None:
        nonlocal listings
        while not stop.is_set():
            broken.extend(child for child in base.iterdir() if child.name.isdecimal() and not whole(child))
            listings += 1
            time.sleep(0.0005)

    poller = threading.Thread(target=poll)
    poller.start()
    chance = random.Random(0)
    command = [sys.executable, "-c", PUBLISHER, str(base)]
    kills = 0
    deadline = time.monotonic() + 120
    newest, published = 0, 0
    while kills < 24 or listings < 1000 or published < 20:
        publishers = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
        time.sleep(0.4 + chance.random() * 0.4)
        for publisher in publishers:
            publisher.send_signal(signal.SIGKILL)
            assert publisher.wait() == -signal.SIGKILL  # it had not failed by itself
            kills += 1
        found = versions.versions(base)
        published += max(found, default=0) - newest
        newest = max(found, default=0)
        assert time.monotonic() < deadline, f"{kills} kills, {listings} listings, {published} versions"
    stop.set()
    poller.join()
    assert broken == []
    with versions.building(base) as folder:
        left = {child.name for child in base.iterdir() if not child.name.isdecimal()}
        assert left == {folder.name}  # what the dead had begun is gone


def test_a_living_publisher_keeps_its_folder(tmp_path):
    with versions.building(tmp_path) as first:
        (first / "file").write_text("1")
        with versions.building(tmp_path) as second:
            assert first != second
            assert versions.publish(first, tmp_path) == tmp_path / "1"
            assert versions.publish(second, tmp_path) == tmp_path / "2"
    assert sorted(child.name for child in tmp_path.iterdir()) == ["1", "2"]
    assert (tmp_path / "1").stat().st_mode & 0o777 == 0o755


@pytest.fixture
def strict_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.parametrize(("above", "base_mode"), [(0o755, 0o755), (0o2755, 0o2755), (0o750, 0o750), (0o700, 0o700)])
def test_others_may_read_what_the_folder_above_lets_them_come_to(tmp_path, strict_umask, above, base_mode):
    tmp_path.chmod(above)
    base = tmp_path / "models" / "digits"
    with versions.building(base) as folder:
        (folder / "variables").mkdir()
        (folder / "variables" / "index").write_text("1")
        version = versions.publish(folder, base)
    assert [path.stat().st_mode & 0o7777 for path in (base.parent, base)] == [base_mode] * 2
    modes = [path.stat().st_mode & 0o777 for path in (version, version / "variables", version / "variables" / "index")]
    assert modes == [0o755, 0o755, 0o644]


def test_what_stays_unreadable_is_not_published(tmp_path, strict_umask, monkeypatch):
    """A file system may not take modes."""
    base = tmp_path / "digits"
    base.mkdir(mode=0o755)
    base.chmod(0o755)
    with versions.building(base) as folder:
        (folder / "index").write_text("1")
        monkeypatch.setattr(Path, "chmod", lambda path, mode: None)
        with pytest.raises(OSError, match="index keeps the mode 600 .*nothing was published"):
            versions.publish(folder, base)
    assert list(base.iterdir()) == []


def test_a_fault_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), versions.building(tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_other_names_are_no_versions(tmp_path):
    for name in ("1", "12", "2", "tmp", "-3", "4a", "building-5", "٣", "007"):
        (tmp_path / name).mkdir()
    (tmp_path / "13").write_text("a file")
    assert versions.versions(tmp_path) == [1, 2, 12]
    with versions.building(tmp_path) as folder:
        assert versions.publish(folder, tmp_path).name == "14"
    with pytest.raises(UserError, match="holds no version"):
        versions.existing(tmp_path / "absent")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot export to"), versions.building(tmp_path / "file" / "digits"):
        pass
