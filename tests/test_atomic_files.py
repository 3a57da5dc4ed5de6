"""Files are replaced whole, by one writer at a time, and keep what a person gave them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import ROOT

from aigc_tf.atomic_files import write_atomically

# Writes one file again and again, with content of its own; says how often it failed.
WRITER = """
import sys
from pathlib import Path
from aigc_tf.atomic_files import write_atomically
file, mark, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
failed = 0
for _ in range(times):
    try:
        write_atomically(file, mark * 20_000)
    except OSError:
        failed += 1
print(failed)
"""


@pytest.fixture
def umask():
    """Sets the umask of this process, until the end of the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def writer(file: Path, mark: str, times: int) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, str(file), mark, str(times)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", ["file", "字" * 83 + "x"])
def test_two_writers_of_one_file_never_fail_and_readers_see_one_of_them(tmp_path, name):
    file = tmp_path / name
    file.write_text("a" * 20_000)
    writers = [writer(file, mark, 300) for mark in "ab"]
    seen = set()
    while any(each.poll() is None for each in writers):
        seen.add(file.read_text())
    assert [each.communicate()[0] for each in writers] == ["0\n", "0\n"]
    assert seen == {"a" * 20_000, "b" * 20_000}
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("length", range(248, 256))
def test_a_name_may_be_as_long_as_names_can_be(tmp_path, length):
    for name in ("x" * length, "y" * length):
        write_atomically(tmp_path / name, name)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "x" * length: "x" * length,
        "y" * length: "y" * length,
    }


def test_what_a_killed_writer_left_stands_in_nobodys_way(tmp_path):
    for _ in range(3):
        killed = writer(tmp_path / "file", "a", 1_000_000)
        while not (tmp_path / "file").exists():
            time.sleep(0.005)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    (tmp_path / ".file.part").write_text("what was left")
    write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new" and os.listdir(tmp_path) == ["file"]


def test_a_write_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "file", object())
    assert (tmp_path / "file").read_text() == "old" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("given", [0o640, 0o664, 0o444, 0o600])
def test_a_file_keeps_the_mode_that_it_was_given(tmp_path, umask, given):
    umask(0o077)
    for shared in (False, True):
        write_atomically(tmp_path / "file", "1", shared=shared)
        (tmp_path / "file").chmod(given)
        write_atomically(tmp_path / "file", "2", shared=shared)
        assert mode(tmp_path / "file") == given


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files to others")
def test_a_file_keeps_its_owner_and_its_group(tmp_path):
    (tmp_path / "file").write_text("1")
    os.chown(tmp_path / "file", 65534, 65533)
    write_atomically(tmp_path / "file", "2")
    status = (tmp_path / "file").stat()
    assert (status.st_uid, status.st_gid) == (65534, 65533)


@pytest.mark.parametrize(
    ("mask", "folder", "shared", "own"),
    [
        (0o077, 0o755, 0o644, 0o600),
        (0o077, 0o750, 0o640, 0o600),
        (0o077, 0o700, 0o600, 0o600),
        (0o022, 0o755, 0o644, 0o644),
        (0o002, 0o775, 0o664, 0o664),
    ],
)
def test_a_new_file_is_shared_as_its_folder_is_or_left_to_the_umask(tmp_path, umask, mask, folder, shared, own):
    tmp_path.chmod(folder)
    umask(mask)
    write_atomically(tmp_path / "shared", "1", shared=True)
    write_atomically(tmp_path / "own", "1")
    assert (mode(tmp_path / "shared"), mode(tmp_path / "own")) == (shared, own)


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path):
    (tmp_path / "file").write_text("1")
    (tmp_path / "link").symlink_to("file")
    write_atomically(tmp_path / "link", "2")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "2"
    write_atomically(Path("/dev/null"), "3")
