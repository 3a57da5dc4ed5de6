"""The search itself: Optuna proposes settings, each trial is a run, and what came of them lies in one SQLite file.

A trial is trained for a third of its budget and judged quickly; where half of those that came to their end stood better
by then, it ends there (median stopping, Golovin et al. 2017, "Google Vizier"). Else it goes on, exactly, to the end of
its budget.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.trial import TrialState
from sqlalchemy.engine import URL

from aigc_tf.atomic_files import write_atomically
from aigc_tf.config import TrainConfig
from aigc_tf.datasets import folder_lock
from aigc_tf.errors import FaultError, UserError
from aigc_tf.run_folder import RunFolder
from aigc_tf.settings import Among
from aigc_tf.tuning import found, space, training
from aigc_tf.tuning.found import Trial
from aigc_tf.tuning.space import Space
from aigc_tf.tuning.training import Budget, TrialError

FIRST_LOOK = 1 / 3
"""Share of its budget after which a trial is judged for the first time."""
BEST = 3
"""So many are judged again."""
FRESH_SEED = 1
"""`--seed` of that: samples that nothing was chosen by."""
_UNSTOPPED = 4  # trials that come to their end before one is stopped early: too few to hold others against
_FAILURES = 5  # in a row, after which something else is wrong
_REPEATS = 20  # in a row, after which there is nothing new to try


@dataclasses.dataclass(frozen=True)
class Search:
    """What is searched, and where it lies.

    Attributes:
        folder: of the search; trials are run folders in it.
        base: the configuration of the first trial, and of all others but for what is searched.
        space: the settings that are searched, and among what.
        budget: of one trial, such as ("minutes", 3.0) or ("steps", 2000).
        minutes: by the clock and without pauses, after which no trial is begun, nor one that might end later.
        trials: at most so many; None for as many as there is time for.
        say: takes each line that is told.
        passed: takes the minutes that are spent so far, now and then.
    """

    folder: Path
    base: TrainConfig
    space: Space
    budget: Budget
    minutes: float
    trials: int | None = None
    say: Callable[[str], None] = print
    passed: Callable[[float], object] = lambda minutes: None

    def run(self) -> list[Trial]:
        """Search, or go on with a search that was ended or killed, and judge the best once more by fresh seeds.

        Returns the best, best first. Raises UserError where the folder holds another search or the usual settings are
        a mistake, FaultError where trials fail one after another or none comes to its end, `training.Stopped` where
        somebody ended it.
        """
        with folder_lock.held(self.folder):
            try:
                study = self._study()
                self._search(study)
                return self._best(study)
            except optuna.exceptions.StorageInternalError as error:
                reason = error.__cause__ or error
                raise FaultError(f"{self.folder} does not take what was found: {reason}") from None

    def _study(self) -> optuna.Study:
        """The one in the folder, or a new one, which begins with the usual settings."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        url = URL.create("sqlite", database=str((self.folder / "study.db").absolute()))
        pruner = optuna.pruners.MedianPruner(n_startup_trials=_UNSTOPPED)
        study = optuna.create_study(
            storage=url.render_as_string(), study_name="search", load_if_exists=True, pruner=pruner
        )
        # One that went on with the random numbers of its beginning would propose the same once more.
        study.sampler = optuna.samplers.TPESampler(seed=self.base.seed + len(study.trials))
        asked = {"settings": json.loads(self.base.to_json()), "space": repr(self.space), "budget": list(self.budget)}
        before = study.user_attrs.get("asked", asked)
        different = [name for name, value in asked.items() if value != before[name]]
        if different and not list(self.folder.glob("trial-*/config.json")):  # nothing was trained: it was a mistake
            optuna.delete_study(study_name="search", storage=url.render_as_string())
            return self._study()
        if different:
            raise UserError(
                f"{self.folder} holds a search with another {' and '.join(different)}: give the flags of before to go "
                "on with it, or another --name"
            )
        study.set_user_attr("asked", asked)
        if not study.trials:
            study.enqueue_trial(space.usual(self.base, self.space), user_attrs={"usual": True})
        self._ask_again_for_interrupted(study)
        return study

    def _ask_again_for_interrupted(self, study: optuna.Study) -> None:
        """A trial in which the search was ended goes on where it stands, under another number."""
        waiting = [trial.user_attrs for trial in study.get_trials(states=(TrialState.WAITING,))]
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            if trial.user_attrs not in waiting:  # else we were killed between these two lines
                study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
            study.tell(trial.number, state=TrialState.FAIL)

    def _search(self, study: optuna.Study) -> None:
        failures = repeats = 0
        while repeats < _REPEATS and self._goes_on(study):
            asked = study.ask(self._distributions())
            if self._was_tried(study, asked):
                repeats += 1
                continue
            self._try(study, asked)
            tried = self._trials(study)
            best = min((trial.distance for trial in tried if trial.distance is not None), default=math.nan)
            self.say(f"{tried[-1].name}: {tried[-1].settings()}: {tried[-1].outcome()} (best {best:.4g})")
            repeats, failures = 0, failures + 1 if tried[-1].why else 0
            if failures == _FAILURES:
                raise FaultError(f"{failures} trials failed one after another, the last since {tried[-1].why}")

    def _trials(self, study: optuna.Study) -> list[Trial]:
        """All so far, which are written to a file for whoever reads no SQLite, too."""
        trials = found.trials(study, self.folder, FRESH_SEED)
        record = {**study.user_attrs["asked"], "trials": [dataclasses.asdict(trial) for trial in trials]}
        write_atomically(self.folder / "search.json", json.dumps(record, indent=2) + "\n")
        return trials

    def _goes_on(self, study: optuna.Study) -> bool:
        if study.get_trials(states=(TrialState.WAITING,)):
            return True
        trials = found.trials(study, self.folder, FRESH_SEED)
        if self.trials is not None and len(trials) >= self.trials:
            return False
        longest = max((trial.seconds for trial in trials), default=0.0)
        return self._spent(study) + longest <= self.minutes * 60

    def _spent(self, study: optuna.Study) -> float:
        return sum(trial.user_attrs["seconds"] for trial in study.get_trials() if found.ended(trial))

    def _distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        made: dict[str, optuna.distributions.BaseDistribution] = {}
        for name, sought in self.space.items():
            if isinstance(sought, Among):
                made[name] = optuna.distributions.CategoricalDistribution(sought.values)
            elif isinstance(sought.low, int) and isinstance(sought.high, int):
                made[name] = optuna.distributions.IntDistribution(sought.low, sought.high, log=sought.logarithmic)
            else:
                made[name] = optuna.distributions.FloatDistribution(sought.low, sought.high, log=sought.logarithmic)
        return made

    def _was_tried(self, study: optuna.Study, asked: optuna.Trial) -> bool:
        """Whether a trial of these very settings came to its end: then that is told once more, and nothing trained."""
        if asked.user_attrs:  # the first one, and those that go on
            return False
        usual, values = self.base.flat(), found.values(asked)
        for trial in study.get_trials():
            if found.ended(trial) and {**usual, **found.values(trial)} == {**usual, **values}:
                if trial.state == TrialState.COMPLETE:
                    study.tell(asked, trial.value)
                else:
                    study.tell(asked, state=trial.state)
                return True
        return False

    def _try(self, study: optuna.Study, asked: optuna.Trial) -> None:
        """Train and judge what was asked, and tell the study what became of it."""
        name = asked.user_attrs.get("name", f"trial-{asked.number:04}")
        asked.set_user_attr("name", name)
        spent, begun = self._spent(study), time.monotonic() - asked.user_attrs.get("seconds", 0.0)
        distance = None

        def tick() -> None:
            self.passed((spent + time.monotonic() - begun) / 60)

        try:
            self._write_settings(asked, name)
            looked = asked.user_attrs.get("looked")
            if looked is None:
                looked = self._train(name, FIRST_LOOK, tick)
                asked.set_user_attr("looked", looked)
            asked.report(looked, step=0)
            if not asked.should_prune():
                distance = self._train(name, 1.0, tick)
            state = TrialState.PRUNED if distance is None else TrialState.COMPLETE
        except (FaultError, UserError) as error:
            mistaken = isinstance(error, UserError) or (isinstance(error, TrialError) and error.mistaken)
            if mistaken and "usual" in asked.user_attrs:
                raise UserError(f"{error} (with the usual settings, before anything was searched)") from None
            asked.set_user_attr("why", str(error))
            state = TrialState.FAIL
        finally:
            asked.set_user_attr("seconds", time.monotonic() - begun)
        study.tell(asked, distance, state=state)

    def _write_settings(self, asked: optuna.Trial, name: str) -> None:
        """Those of a trial, into a file beside its folder. Raises UserError for what cannot be combined."""
        config = space.changed(self.base, found.values(asked))
        settings = dataclasses.replace(config, logs=self.folder, name=name, evaluate=False, export=False)
        write_atomically(self.folder / f"{name}.json", settings.to_json())

    def _train(self, name: str, share: float, tick: training.Tick) -> float:
        """The Fréchet distance of that trial behind a share of its budget."""
        kind, whole = self.budget
        amount = math.ceil(whole * share) if kind == "steps" else whole * share
        run, config, log = RunFolder(self.folder / name), self.folder / f"{name}.json", self.folder / f"{name}.log"
        training.wait_for_orphan(run, tick)
        return training.train(run, config, (kind, amount), log, tick).distance

    def _best(self, study: optuna.Study) -> list[Trial]:
        """The best by the budget that they had, by what fresh seeds say of them: the least of many noisy figures
        flatters."""
        whole = [trial for trial in self._trials(study) if trial.distance is not None]
        if not whole:
            raise FaultError(f"no trial came to its end: give more --minutes, or shorter trials; see {self.folder}")
        for trial in sorted(whole, key=lambda trial: trial.distance or math.inf)[:BEST]:
            self.say(f"judging {trial.name} again")
            record = found.record_of_again(self.folder, trial.name, FRESH_SEED)
            log = self.folder / f"{trial.name}.log"
            training.judge_again(RunFolder(self.folder / trial.name), FRESH_SEED, record, log, lambda: None)
        judged = [trial for trial in self._trials(study) if trial.again is not None]
        return sorted(judged, key=lambda trial: trial.again or math.inf)
