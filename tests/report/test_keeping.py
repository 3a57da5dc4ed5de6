"""What is kept of a judgement when something goes wrong meanwhile."""

from __future__ import annotations

import dataclasses
import json

import pytest
from evaluations import digits, record

from aigc_tf import evaluation_files
from aigc_tf.run_folder import RunFolder


def labelled(evidence):
    """Its record, as of a data set whose classes have names: of one without, LeNet is not the usual judge."""
    return {**record(evidence), "class_names": list("0123456789")}


def test_a_bug_in_a_report_costs_nothing_else(tmp_path, capsys):
    evidence = digits()
    judged, broken = labelled(evidence), dataclasses.replace(evidence, generated=None)
    run = RunFolder(tmp_path / "run")
    with pytest.raises(AttributeError):
        evaluation_files.keep(judged, broken, run=run, json=tmp_path / "record.json", report=tmp_path / "report.html")
    assert json.loads((tmp_path / "record.json").read_text()) == judged
    assert json.loads(run.evaluation_file(6000, "").read_text()) == judged
    assert "fd_lenet" in capsys.readouterr().out


def test_all_is_written_before_a_word_is_said(tmp_path):
    """Nobody may be there to hear it."""

    def interrupted(line: str) -> None:
        raise KeyboardInterrupt

    evidence = digits()
    judged = labelled(evidence)
    run = RunFolder(tmp_path / "run")
    run.evaluation_file(6000, "").parent.mkdir(parents=True)
    run.evaluation_file(6000, "").write_text('{"num_generated": 1000000}')  # of which a word is said, too
    with pytest.raises(KeyboardInterrupt):
        evaluation_files.keep(
            judged, evidence, run=run, json=tmp_path / "record.json", report=tmp_path / "report.html", say=interrupted
        )
    assert json.loads((tmp_path / "record.json").read_text()) == judged
    assert (tmp_path / "report.html").is_file()
    assert len(list(run.evaluation.rglob("report.html"))) == len(list(run.tensorboard.iterdir())) == 1
