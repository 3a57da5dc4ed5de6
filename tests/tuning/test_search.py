"""`python -m aigc_tf tune` finds what was hidden for it, however it is ended in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, few_digits, logged, refused, run, succeed, wait_until

from aigc_tf.config import TrainConfig
from aigc_tf.errors import UserError
from aigc_tf.json_files import write
from aigc_tf.run_folder import RunFolder

pytest.importorskip("optuna", reason="pip install -r requirements-tune.txt")

from aigc_tf.tuning import space, training  # noqa: E402 - where Optuna is
from aigc_tf.tuning.search import Search  # noqa: E402
from aigc_tf.tuning.training import Judged, TrialError  # noqa: E402

SLOW = 900  # seconds in which even a crowded machine comes to an end


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> Path:
    """The folder of a search that was killed in its second trial and went on; `said.txt` is what it then said."""
    folder = tmp_path_factory.mktemp("tune")
    data = few_digits(folder, training=120, held_out=40)
    command = [
        *(sys.executable, "-m", "aigc_tf", "tune", "--dataset", "mnist", *data, "--logs", folder, "--name", "search"),
        # At the usual rate nothing is learned, at the other something is; the other weight is more than floats hold.
        *("--generator-learning-rate=1e-9", "--over", "generator_learning_rate=1e-9,3e-3", "penalty_weight=1,1e38"),
        *("--penalty-weight", 1, "--steps", 60, "--minutes", 30, "--trials", 4),
    ]
    command = list(map(str, command))
    search = folder / "search"
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: list(search.glob("trial-*/config.json"))[1:], first, seconds=SLOW)
    finally:
        first.kill()
        first.wait()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SLOW)
    (folder / "said.txt").write_text(succeed(done))
    return search


USUAL, BETTER, TORN = (None, None), (3e-3, 1), (3e-3, 1e38)


def trials(search: Path) -> dict[tuple[float | None, float | None], dict]:
    """By what each searched."""
    found = json.loads((search / "search.json").read_text())["trials"]
    return {tuple(map(trial["values"].get, ("generator_learning_rate", "penalty_weight"))): trial for trial in found}


def test_it_finds_the_setting_that_is_better_and_says_how_to_train_with_it(searched):
    found = trials(searched)
    assert found[BETTER]["again"] < found[USUAL]["again"] / 1.05
    command = (searched.parent / "said.txt").read_text().splitlines()[-1]
    assert command.startswith("python train.py --dataset mnist")
    assert "--generator-learning-rate 0.003" in command and "1e-9" not in command and "--steps" not in command


def test_a_trial_that_fails_is_recorded_and_ends_nothing(searched):
    failed = trials(searched)[TORN]
    assert "training diverged" in failed["why"] and failed["distance"] is failed["again"] is None


def test_nothing_is_done_twice(searched):
    """Neither a trial that had ended, nor the one within which the search was killed, nor settings that were tried."""
    found = trials(searched)
    assert len(found) == 4 == len(list(searched.glob("trial-*/config.json")))
    for trial in found.values():
        steps = [line["step"] for line in logged(searched / trial["name"])]
        assert steps == sorted(set(steps))
    assert (searched / f"{found[USUAL]['name']}.log").read_text().count("trained to step") == 2


def test_each_trial_is_a_run_of_its_own(searched):
    best = RunFolder.open(searched / trials(searched)[BETTER]["name"])
    assert best.read_config().family.generator_learning_rate == 3e-3
    assert list((best.tensorboard / "result").glob("events*"))


def test_another_search_is_not_mixed_with_it(searched):
    told = refused(run("-m", "aigc_tf", "tune", "--logs", searched.parent, "--name", "search", "--trials", 1))
    assert "holds a search with another settings and space and budget" in told and "another --name" in told


def test_a_signal_ends_it_with_what_is_trained_saved(tmp_path):
    data = few_digits(tmp_path, training=120, held_out=40)
    command = [sys.executable, "-m", "aigc_tf", "tune", *data, "--logs", tmp_path, "--name", "s", "--steps", 10**6]
    command = list(map(str, command))
    search = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until((tmp_path / "s" / "trial-0000" / "metrics.jsonl").exists, search, seconds=SLOW)
    finally:
        search.send_signal(signal.SIGTERM)
        said, errors = search.communicate(timeout=SLOW)
    assert search.returncode == 75, errors
    assert said.endswith("stopped; the same command goes on\n")
    assert "stopped by SIGTERM" in (tmp_path / "s" / "trial-0000.log").read_text()


@pytest.fixture
def told(monkeypatch) -> dict[str, list[float]]:
    """Searches are told distances here, the learning rate of the generator, instead of training for them, which would
    take half a minute a trial; the budgets that were asked for, by trial."""
    asked: dict[str, list[float]] = {}

    def train(run, config, budget, log, tick):
        asked.setdefault(run.path.name, []).append(budget[1])
        return Judged(int(budget[1]), TrainConfig.from_json(config.read_text(), "").family.generator_learning_rate)

    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(training, "judge_again", lambda run, seed, record, log, tick: write({}, record))
    monkeypatch.setattr(training, "judged", lambda record: Judged(90, len(record.name)))
    return asked


def search_of(folder: Path, over: list[str], trials: int, **base: object) -> list[dict]:
    """All trials of a search over that."""
    config = TrainConfig.of(generator_learning_rate=0.01, **base)
    Search(folder, config, space.read(over, config), ("steps", 90), 30, trials, [].append).run()
    return json.loads((folder / "search.json").read_text())["trials"]


def test_values_are_tried_as_they_are_written(tmp_path, told):
    trials = search_of(tmp_path, ["beta_2=0.9999,0.99", "beta_1=0.5..0.999999", "penalty_weight=1..9"], 12)
    assert {trial["values"]["beta_2"] for trial in trials[1:]} == {0.9999, 0.99}
    assert all(0.5 <= trial["values"]["beta_1"] <= 0.999999 for trial in trials[1:])
    assert any(trial["values"]["penalty_weight"] % 1 for trial in trials[1:])  # any number, as the setting takes it


def test_settings_that_cannot_be_combined_are_trials_that_failed(tmp_path, told):
    trials = search_of(tmp_path, ["global_batch_size=16..20", "latent_dim=4..64"], 8, replicas=2)
    failed = [trial for trial in trials if trial["why"]]
    assert 0 < len(failed) < 8 and "cannot be split evenly" in failed[0]["why"]


def test_a_mistake_before_anything_was_trained_keeps_no_name(tmp_path, told, monkeypatch):
    def refused(run, config, budget, log, tick):
        raise TrialError("no such data", mistaken=True)

    with monkeypatch.context() as first, pytest.raises(UserError, match="no such data"):
        first.setattr(training, "train", refused)
        search_of(tmp_path, ["latent_dim=4,8"], 2)
    assert len(search_of(tmp_path, ["beta_2=0.9,0.999"], 3)) == 3


def test_what_stands_behind_half_of_the_others_is_not_trained_to_the_end(tmp_path, told):
    trials = search_of(tmp_path, ["generator_learning_rate=1e-4..1.0"], 14)
    early = [trial for trial in trials if trial["distance"] is None]
    assert 0 < len(early) < 10 and early[0] not in trials[:4]
    assert sum(trial["again"] is not None for trial in trials) == 3
    for trial in trials:
        assert told[trial["name"]] == ([30] if trial in early else [30, 90])
    for number, trial in enumerate(trials[4:], 4):
        median = np.median([other["looked"] for other in trials[:number] if other not in early])
        assert (trial in early) == (trial["looked"] > median)


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--over", "generator_learning_rat=1..2"], "perhaps generator_learning_rate?"),
        (["--over", "latent_dim=0,8"], "latent_dim is 0, but must be from 1"),
        (["--over", "latent_dim=8..2"], "must go from a number to a larger one"),
        (["--over", "latent_dim"], "give a setting and its values"),
        (["--over", "minutes=1,2"], "'minutes' is not one of the settings that can be searched"),
        (["--resume", "logs/x"], "--resume is for one run"),
        (["--steps", "10", "--trial-minutes", "1"], "cannot be combined"),
        (["--trial-minutes", "40"], "at most --minutes"),
        (["--dataset", "mnits"], "perhaps mnist"),
    ],
)
def test_what_cannot_be_searched_is_told_in_a_sentence(arguments, told):
    assert told in refused(run("-m", "aigc_tf", "tune", *arguments))


def test_without_optuna_it_says_how_to_get_it(tmp_path):
    program = "import sys; sys.modules['optuna'] = None; from aigc_tf.cli import main; raise SystemExit(main())"
    told = refused(run("-c", program, "tune", "--logs", tmp_path))
    assert "pip install -r requirements-tune.txt" in told
