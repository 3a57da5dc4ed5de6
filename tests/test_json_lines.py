"""Lines that several write to one file, on a disk that may be full."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from commands import ROOT

from aigc_tf import json_lines


def test_lines_are_whole_whoever_writes_them(tmp_path):
    file = tmp_path / "lines.jsonl"
    writers = [
        threading.Thread(target=lambda who=who: [json_lines.append(file, {"who": who, "n": n}) for n in range(50)])
        for who in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted((each["who"], each["n"]) for each in found) == [(who, n) for who in range(4) for n in range(50)]


def test_what_a_kill_left_stays_apart(tmp_path):
    file = tmp_path / "lines.jsonl"
    file.write_text('{"n": 1}\n{"n": 2, "cut sh')
    json_lines.append(file, {"n": 3})
    assert file.read_text().splitlines() == ['{"n": 1}', '{"n": 2, "cut sh', '{"n": 3}']


def test_a_full_disk_leaves_no_half_line(tmp_path):
    file = tmp_path / "lines.jsonl"
    json_lines.append(file, {"n": 1})
    code = (
        "import sys; from pathlib import Path; from aigc_tf import json_lines; json_lines.append(Path(sys.argv[1]), {})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)),
    )
    assert "File too large" in done.stderr and file.read_text() == '{"n": 1}\n'


def test_a_device_that_takes_nothing_is_told():
    with pytest.raises(OSError, match="No space left"):
        json_lines.append(Path("/dev/full"), {"n": 1})
