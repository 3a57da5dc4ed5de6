"""Figures side by side: alike or refused, the best one marked only where that is sure."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from commands import refused, run, succeed
from PIL import Image

from aigc_tf import comparison
from aigc_tf.comparison import ALIKE, best, compare
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.synthetic import load as synthetic
from aigc_tf.errors import UserError
from aigc_tf.json_files import write
from aigc_tf.run_folder import RunFolder

PROVENANCE = {
    **{"judged_by": "extractor", "judge": "lenet-mnist", "judge_hash": "sha256:1", "resizer": "none"},
    **{"num_generated": 1000, "num_real": 1000, "num_training": 4000, "reference_split": "held-out"},
    **{"reference_hash": "sha256:2", "weights": "ema", "step": 100, "first_seed": 0, "subject_fingerprint": "sha256:3"},
    **{"aigc_tf": "0.4", "tensorflow": "2.15.1", "numpy": "1.26.4", "scipy": "1.15.3"},
}


def figure(value: float, interval: list[float] | None, better: str = "lower", **provenance) -> dict:
    told = {**PROVENANCE, **provenance}
    return {"value": value, "interval": interval, "reference": 4.0, "better": better, "note": "", "provenance": told}


def evaluation(fd: float, step: int = 100, **more) -> dict:
    return {"subject": {"step": step}, "measures": {"fd_lenet": figure(fd, [fd - 0.5, fd + 0.5]), **more}}


@pytest.fixture
def files(tmp_path) -> Callable[..., list[Path]]:
    """Writes records as the files a.json, b.json, …"""

    def write(*records: dict) -> list[Path]:
        paths = [tmp_path / f"{chr(ord('a') + i)}.json" for i in range(len(records))]
        for path, record in zip(paths, records):
            path.write_text(json.dumps(record))
        return paths

    return write


@pytest.fixture
def logs(tmp_path) -> Path:
    """A judged run, a better one that was judged at an earlier step as well, and an unjudged one."""
    for name, steps in (("one", {20: 5.0}), ("other", {20: 2.0, 3: 7.0}), ("unjudged", {})):
        folder = RunFolder(tmp_path / name)
        folder.create(TrainConfig(), synthetic().spec, {})
        for step, fd in steps.items():
            record = evaluation(fd, ms_ssim=figure(0.25, [0.2, 0.3], "neither", judged_by="pixels"), step=step)
            write(record, folder.evaluation_file(step))
    return tmp_path


def test_two_runs_make_a_table_and_a_plot(logs, tmp_path):
    plot = tmp_path / "plot.png"
    wide = {**os.environ, "COLUMNS": "160"}
    printed = succeed(run("-m", "aigc_tf", "compare", logs / "one", logs / "other", "--out", plot, env=wide))
    assert "one, step 20" in printed and "other, step 20" in printed
    assert "fd_lenet" in printed and "2 * │" in printed and "1.5 to 2.5" in printed
    assert printed.count("* │") == 1
    assert str(plot) in printed
    picture = np.asarray(Image.open(plot).convert("RGB"))
    assert picture.shape[0] > 200 and picture.shape[1] > 600
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_an_unjudged_run_says_what_to_do(logs):
    line = refused(run("-m", "aigc_tf", "compare", logs / "one", logs / "unjudged"))
    assert "was not judged yet: run `python evaluate.py" in line


def test_other_numbers_of_images_are_refused_at_the_command_line(logs, tmp_path):
    apart = tmp_path / "apart.json"
    record = (logs / "one" / "evaluation" / "20.json").read_text()
    apart.write_text(record.replace('"num_generated": 1000', '"num_generated": 50'))
    line = refused(run("-m", "aigc_tf", "compare", apart, logs / "other", "--out", tmp_path / "plot.png"))
    assert "num_generated is 50 in apart.json and 1000 in other" in line
    assert not (tmp_path / "plot.png").exists()


def test_the_newest_step_counts(logs):
    found = compare([logs / "other", logs / "other" / "evaluation" / "3.json"])
    assert [each.title for each in found.evaluations] == ["other, step 20", "3.json, step 3"]


@pytest.mark.parametrize("field", ALIKE)
def test_figures_that_differ_in_it_are_refused(files, field):
    other = evaluation(5.0)
    other["measures"]["fd_lenet"]["provenance"][field] = "something else"
    with pytest.raises(
        UserError, match=f"fd_lenet cannot be compared: {field} is .* in a.json and 'something else' in"
    ):
        compare(files(evaluation(5.0), other))


def test_any_two_of_three_must_be_alike(files):
    other = evaluation(5.0, ms_ssim=figure(0.2, None, judged_by="pixels"))
    third = evaluation(5.0, ms_ssim=figure(0.2, None, judged_by="pixels", num_generated=7))
    with pytest.raises(UserError, match="ms_ssim .* 1000 in b.json and 7 in c.json"):
        compare(files(evaluation(5.0), other, third))


def test_steps_and_seeds_may_differ_and_versions_are_told(files):
    other = evaluation(5.0)
    other["measures"]["fd_lenet"]["provenance"] |= {"step": 7, "first_seed": 9, "tensorflow": "2.16.0"}
    found = compare(files(evaluation(5.0), other))
    assert found.shared == ("fd_lenet",)
    assert found.warnings == ("judged with different versions of tensorflow: 2.15.1 in a.json; 2.16.0 in b.json",)


def test_what_only_some_have_is_listed_and_own_judges_are_left_out(files):
    own = figure(0.6, None, "neither", judged_by="discriminator", judge_hash=None)
    one = evaluation(5.0, recall=figure(0.5, None, "higher"), discriminator_accuracy=own)
    found = compare(files(one, evaluation(6.0, discriminator_accuracy=own)))
    assert (found.shared, found.apart, found.own) == (
        ("fd_lenet",),
        {"recall": ["a.json"]},
        ("discriminator_accuracy",),
    )


@pytest.mark.parametrize(
    "better, intervals, expected",
    [
        ("lower", [[4, 5], [6, 7], [8, 9]], 0),
        ("higher", [[4, 5], [6, 7], [8, 9]], 2),
        ("lower", [[4, 6.5], [6, 7], [8, 9]], None),  # overlap with the next one
        ("lower", [[4, 5], [5, 7]], None),  # they touch
        ("higher", [[8, 9], [4, 8.5]], None),
        ("lower", [[4, 5], None], None),
        ("neither", [[4, 5], [6, 7]], None),
    ],
)
def test_the_best_is_marked_only_where_intervals_lie_apart(better, intervals, expected):
    figures = [figure(5.0 if each is None else float(np.mean(each)), each, better) for each in intervals]
    assert best(figures) == expected


def test_damaged_records_are_refused(files, tmp_path):
    (good,) = files(evaluation(5.0))
    broken = tmp_path / "broken.json"
    without, not_finite, unpaired = (deepcopy(evaluation(5.0)) for _ in range(3))
    del without["measures"]["fd_lenet"]["provenance"]
    not_finite["measures"]["fd_lenet"]["value"] = float("nan")
    unpaired["measures"]["fd_lenet"]["interval"] = [1.0]
    contents = ["", "{", "[]", "{}", '{"measures": 3}', *map(json.dumps, (without, not_finite, unpaired))]
    for content in [*map(str.encode, contents), b"\xff\xfe"]:
        broken.write_bytes(content)
        with pytest.raises(UserError, match="broken.json is no evaluation.*judge it again"):
            compare([good, broken])


def test_what_cannot_be_compared_or_drawn_is_refused(files, tmp_path):
    paths = files(evaluation(5.0), {"subject": {"step": None}, "measures": {"other": figure(1.0, None)}})
    with pytest.raises(UserError, match="at least 2"):
        compare(paths[:1])
    with pytest.raises(UserError, match="no run folder"):
        compare([paths[0], tmp_path])
    with pytest.raises(UserError, match="share no figure"):
        comparison.draw(compare(paths), tmp_path / "plot.png")
    alike = compare(files(evaluation(5.0), evaluation(6.0)))
    with pytest.raises(UserError, match=r"\.png, \.svg or \.pdf"):
        comparison.draw(alike, tmp_path / "plot.jpeg2")
    with pytest.raises(UserError, match="no folder"):
        comparison.draw(alike, tmp_path / "missing" / "plot.png")


def test_names_are_shown_as_they_are(tmp_path):
    from rich.console import Console

    for folder in ("[red]x", "$y_1$"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.json").write_text(json.dumps(evaluation(5.0)))
    found = compare(sorted(tmp_path.glob("*/1.json")))
    console = Console(width=400, record=True)
    console.print(comparison.table(found))
    printed = console.export_text()
    assert "[red]x" in printed and "$y_1$" in printed
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a layout that has no room left for the panels
        comparison.draw(found, tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text()
