"""What a search has found so far, as its study holds it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from aigc_tf.tuning import training


@dataclasses.dataclass(frozen=True)
class Trial:
    """What became of one trial.

    Attributes:
        name: of its run folder, of its file of settings and of its log.
        values: the settings in which it differs from the usual ones.
        seconds: that it took by the clock.
        looked: Fréchet distance when it was judged first, None where it did not come so far.
        distance: the same when its budget was spent, None where it did not come so far.
        again: the same by samples of fresh seeds, None but of the best.
        why: how it failed, in a sentence; empty where it did not.
    """

    name: str
    values: dict[str, Any]
    seconds: float
    looked: float | None
    distance: float | None
    again: float | None
    why: str

    def settings(self) -> str:
        """In words."""
        return ", ".join(f"{name} {value}" for name, value in self.values.items()) or "the usual settings"

    def outcome(self) -> str:
        """In words."""
        if self.why:
            return f"failed: {self.why}"
        return f"{self.looked:.4g}, stopped early" if self.distance is None else f"{self.distance:.4g}"


def record_of_again(folder: Path, name: str, seed: int) -> Path:
    """The file of what that trial was judged once more."""
    return folder / "again" / f"{name}-seed-{seed}.json"


def values(trial: optuna.Trial | FrozenTrial) -> dict[str, Any]:
    """The settings of a trial in which it differs from the usual ones; numbers between bounds to four digits, as people
    copy them."""
    if "usual" in trial.user_attrs:
        return {}
    found = dict(trial.params)
    for name, kind in trial.distributions.items():
        if isinstance(kind, optuna.distributions.FloatDistribution):
            found[name] = min(max(float(f"{found[name]:.4g}"), kind.low), kind.high)
    return found


def ended(trial: FrozenTrial) -> bool:
    """Whether it came to an end of its own, rather than with the search, or as one that was told again."""
    told = trial.user_attrs
    return trial.state.is_finished() and "seconds" in told and (trial.state != TrialState.FAIL or "why" in told)


def trials(study: optuna.Study, folder: Path, seed: int) -> list[Trial]:
    """All that came to an end of their own, in the order in which they were asked."""
    return [_trial(trial, folder, seed) for trial in study.get_trials() if ended(trial)]


def _trial(trial: FrozenTrial, folder: Path, seed: int) -> Trial:
    told = trial.user_attrs
    again = record_of_again(folder, told["name"], seed)
    return Trial(
        told["name"],
        values(trial),
        told["seconds"],
        told.get("looked"),
        trial.value if trial.state == TrialState.COMPLETE else None,
        training.judged(again).distance if again.exists() else None,
        told.get("why", ""),
    )
