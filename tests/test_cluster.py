"""What TF_CONFIG says, and what it may not."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from commands import TINY, refused, succeed, train

from aigc_tf import cluster
from aigc_tf.config import TrainConfig
from aigc_tf.errors import UserError
from aigc_tf.train_command import parse_training

TWO = ["a:1", "b:2"]


def told(jobs: object, kind: object = "worker", index: object = 0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize(
    "environment, count, index",
    [
        (told({"worker": TWO}), 2, 0),
        (told({"worker": TWO}, index="1"), 2, 1),
        (told({"chief": ["c:3"], "worker": TWO}, "chief"), 3, 0),
        (told({"chief": ["c:3"], "worker": TWO}, "worker", 1), 3, 2),
        (told({"worker": ["[::1]:22"]}), 1, 0),
    ],
)
def test_workers_are_counted_from_the_chief_on(environment, count, index):
    here = cluster.read(environment)
    assert (here.count, here.index, here.is_chief) == (count, index, index == 0)


@pytest.mark.parametrize(
    "environment, reason",
    [
        ({}, "needs the environment variable TF_CONFIG"),
        ({"TF_CONFIG": "{'cluster'"}, "is no JSON"),
        ({"TF_CONFIG": "[]"}, "names no cluster"),
        ({"TF_CONFIG": "{}"}, "names no cluster"),
        (told({}), "names no cluster"),
        (told({"worker": []}), "lists no addresses of the job worker"),
        (told({"worker": "a:1"}), "lists no addresses of the job worker"),
        (told({"worker": TWO, "ps": ["c:3"]}), "names the job 'ps'"),
        (told({"chief": TWO}, "chief"), "more than one chief"),
        (told({"worker": ["a", "b:2"]}), "names the address 'a'"),
        (told({"worker": ["a:0", "b:2"]}), "names the address 'a:0'"),
        (told({"worker": ["a:1", "b:65536"]}), "names the address 'b:65536'"),
        (told({"worker": ["a:" + 5000 * "1", "b:2"]}), "names the address"),
        (told({"worker": ["a\nb:1", "b:2"]}), "names the address"),
        (told({"worker": TWO}, []), "names no task of its own"),
        (told({"worker": TWO}, index=5000 * "1"), "has the index"),
        ({"TF_CONFIG": 10_000 * "["}, "is no JSON"),
        (told({"worker": [1, "b:2"]}), "names the address 1"),
        (told({"worker": ["a:1", "a:1"]}), "names an address twice"),
        (told({"worker": TWO}, "chief"), "names no task of its own"),
        (told({"worker": TWO}, index=2), "has the index 2 for one of 2"),
        (told({"worker": TWO}, index=-1), "has the index -1"),
        (told({"worker": TWO}, index=0.5), "has the index 0.5"),
        (told({"worker": TWO}, index=True), "has the index True"),
        (told({"worker": TWO}, index=None), "has the index None"),
    ],
)
def test_what_is_no_cluster_is_refused_in_a_sentence(environment, reason):
    with pytest.raises(UserError, match="TF_CONFIG") as refusal:
        cluster.read(environment)
    assert reason in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_mistake_in_it_is_told_before_anything_is_imported():
    done = train("--strategy", "multi-worker", env={**os.environ, **told({"worker": TWO}, index=7)})
    assert "has the index 7 for one of 2 of the job worker" in refused(done)


def test_what_is_for_one_machine_is_refused():
    assert "replicas is for one machine" in refused(train("--strategy", "multi-worker", "--replicas", 2))


def test_the_dry_run_waits_for_nobody(tmp_path, monkeypatch):
    plan = ("--strategy", "multi-worker", *TINY, "--dry-run", "--logs", tmp_path)
    monkeypatch.setenv(*told({"worker": TWO}, index=1).popitem())
    said = succeed(train(*plan))
    assert "CPU:0 of each of 2 workers" in said and "worker 1 at b:2" in said
    assert "9 cannot be split evenly over 2 workers" in refused(train(*plan, "--global-batch-size", 9))


def settings(*arguments: object) -> TrainConfig:
    return parse_training(list(map(str, arguments)))[1]


def test_a_strategy_is_taken_over_only_where_a_cluster_is_told_of(tmp_path, monkeypatch):
    """From whatever it comes; the flag decides where it is given."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    file = tmp_path / "config.json"
    file.write_text(TrainConfig(strategy="multi-worker").to_json())
    assert settings("--config", file).strategy == "mirrored"
    assert settings("--config", file, "--replicas", 2).replicas == 2
    assert settings("--config", file, "--strategy", "multi-worker").strategy == "multi-worker"
    monkeypatch.setenv(*told({"worker": TWO}).popitem())
    assert settings("--config", file).strategy == "multi-worker"
    assert settings("--config", file, "--strategy", "mirrored").strategy == "mirrored"


def test_replicas_of_one_machine_do_not_hinder_several(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(TrainConfig(replicas=2).to_json())
    together = settings("--config", file, "--strategy", "multi-worker")
    assert (together.strategy, together.replicas) == ("multi-worker", None)
    assert settings("--config", file).replicas == 2


def test_a_run_with_replicas_goes_on_with_workers(tiny_run, tmp_path, monkeypatch):
    """And one that is told of no cluster goes on alone."""
    run = shutil.copytree(tiny_run, tmp_path / "run")
    file = run / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "replicas": 2}))
    assert settings("--resume", run, "--strategy", "multi-worker").replicas is None
    file.write_text(json.dumps({**json.loads(file.read_text()), "replicas": None, "strategy": "multi-worker"}))
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert settings("--resume", run).strategy == "mirrored"
