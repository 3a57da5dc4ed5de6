"""Several processes make and judge what one would, bit for bit."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from commands import refused, run, succeed, wait_until

from aigc_tf import crew, side_by_side, subjects
from aigc_tf.errors import FaultError, UserError
from aigc_tf.metrics import filters
from aigc_tf.modalities.modality import Judges
from aigc_tf.run_folder import RunFolder


@pytest.mark.parametrize("of", ["run", "export"])
def test_they_make_the_same_files(tiny_run, tmp_path, of):
    place = tiny_run if of == "run" else tiny_run / "export" / "synthetic"
    for workers in (1, 3):
        out = tmp_path / f"{workers}.npz"
        asked = ("--count", 70, "--batch", 8, "--seed", 5, "--format", "npz", "--out", out, "--workers", workers)
        succeed(run("-m", "aigc_tf", "generate", place, *asked))
    with np.load(tmp_path / "1.npz") as one, np.load(tmp_path / "3.npz") as three:
        assert one["seeds"].tolist() == list(range(5, 75))
        assert sorted(one) == sorted(three) and all((one[name] == three[name]).all() for name in one)


def test_their_figures_are_those_of_one(tiny_run, tmp_path, monkeypatch):
    """With a classifier beside the extractor, and nothing kept of what was seen in real images."""
    judged = {}
    for workers in (1, 2):
        monkeypatch.setenv("AIGC_TF_CACHE", str(tmp_path / f"cache-{workers}"))
        where = shutil.copytree(tiny_run, tmp_path / f"run-{workers}")
        asked = ("--num-samples", 1200, "--extractor", "filters", "--workers", workers, "--quick")
        succeed(run("evaluate.py", where, *asked, "--json", tmp_path / "record.json", env=dict(os.environ)))
        judged[workers] = json.loads((tmp_path / "record.json").read_text())
    assert judged[1]["measures"] == judged[2]["measures"] and len(judged[1]["measures"]) > 2


def test_a_classifier_that_makes_the_features_stays_one(tiny_run):
    eyes = filters.load((28, 28, 1))
    with side_by_side.processes(2, side_by_side.of(subjects.of_run(RunFolder(tiny_run)))) as several:
        both = side_by_side.seen_by(several, Judges(eyes, eyes))
        assert both.classifier is both.extractor and both.extractor.looks is not None
        assert side_by_side.seen_by(several, Judges()) == Judges()


def test_what_a_model_says_itself_comes_from_them_too(tiny_run):
    """Scores and ways in, by the process that asks them and by others."""
    subject = subjects.of_run(RunFolder(tiny_run))
    stored = np.random.default_rng(0).integers(0, 256, [1100, *subject.generate(np.arange(1)).shape[1:]], np.uint8)
    with side_by_side.processes(2, side_by_side.of(subject)) as several:
        divided = side_by_side.asked_of(several, subject)
        done: list[int] = []
        assert (divided.generate(np.arange(1100), None, done.append) == subject.generate(np.arange(1100))).all()
        assert done == [500, 500, 100]
        alone, together = subject.scores(stored), divided.scores(stored)
        assert alone and all((alone[name] == together[name]).all() for name in alone)


def test_what_goes_wrong_in_one_is_told(tiny_run, tmp_path):
    where = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    subject = subjects.of_run(RunFolder(where))
    shutil.rmtree(where)
    with pytest.raises(UserError, match=str(where)), side_by_side.processes(2, side_by_side.of(subject)) as several:
        side_by_side.asked_of(several, subject).generate(np.arange(2))
    assert not multiprocessing.active_children()


def test_where_one_is_killed_the_others_end(tiny_run):
    subject = subjects.of_run(RunFolder(tiny_run))
    opener = side_by_side.of(subject)
    with pytest.raises(FaultError, match="take fewer --workers"), side_by_side.processes(2, opener) as several:
        answers = several.each(_pause, range(1000))
        os.kill(next(answers), signal.SIGKILL)
        list(answers)
    wait_until(lambda: not multiprocessing.active_children(), seconds=60)


def test_each_has_a_number_of_its_own():
    with crew.crew(3, _itself, "killed") as several:
        seen: set[int] = set()
        for number in several.each(_own, range(6000)):  # until the last of them has started
            seen.add(number)
            if len(seen) == 3:
                break
        assert seen == {0, 1, 2}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("generate", ".", "--out", "o", "--workers", 0), "--workers 0 must be from 1"),
        (("generate", ".", "--out", "o", "--workers", 257), "must be from 1 to 256"),
        (("generate", "--server", "h:1", "--model", "m", "--out", "o", "--workers", 2), "a server divides the work"),
    ],
)
def test_what_cannot_be_meant_is_refused(command, sentence):
    assert sentence in refused(run("-m", "aigc_tf", *command))


def test_what_cannot_be_sent_is_told_in_words():
    with pytest.raises(FaultError, match="Unsendable: of 7"), crew.crew(1, _itself, "killed") as several:
        list(several.each(_fail, [7]))


class Unsendable(Exception):
    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"{what} {number}")


def _fail(state: int, item: int) -> None:
    raise Unsendable("of", item)


def _pause(opened: side_by_side.Opened, number: int) -> int:
    time.sleep(0.2)
    return os.getpid()


def _itself(number: int) -> int:
    return number


def _own(state: int, item: int) -> int:
    time.sleep(0.05)
    return state
