"""`python -m aigc_tf tune`."""

from __future__ import annotations

import dataclasses
import itertools
import math
import shlex
from typing import TYPE_CHECKING

from rich.table import Table
from tqdm import tqdm
from tyro.conf import Suppress

from aigc_tf import interruption, terminal
from aigc_tf.command_line import parse
from aigc_tf.config import TrainConfig
from aigc_tf.errors import UserError
from aigc_tf.shell import quoted
from aigc_tf.train_command import parse_training

if TYPE_CHECKING:
    from aigc_tf.tuning.found import Trial

_SHARE = 10  # trials that fit into the time, by default
_BUDGETS = ("--steps", "--epochs")
_BAR = "{n:.1f} of {total:g} minutes {bar}"
_OF_ONE_RUN = ("--resume", "--dry-run", "--quiet", "--profile")


@dataclasses.dataclass(frozen=True)
class Command:
    """Search for settings with which a model learns better in the same time.

    Beside these flags it takes those of train.py, which say what is trained: --dataset, --model, and all settings that
    are not searched. The first trial has the usual settings; each is a run folder in logs/NAME that dashboards show,
    is judged behind a third of its time, and ends there where half of those that came to their end stood better. The
    best three are judged once more, by samples that nothing was chosen by. The same command goes on with a search that
    was stopped.
    """

    minutes: float = 30.0
    """Time to search by the clock; judging the best once more comes on top."""
    trial_minutes: float | None = None
    """Time to train in each trial; by default a tenth of --minutes. Or give --steps or --epochs for each."""
    trials: int | None = None
    """At most so many trials."""
    over: tuple[str, ...] = ()
    """What to search: settings of train.py as NAME=LOW..HIGH (by the logarithm, if that is ten times or more) or
    NAME=VALUE,VALUE. By default a few that the family knows to matter."""
    name: str | None = None
    """Name of the search's folder; by default made of data set and model."""
    training: Suppress[tuple[str, ...]] = ()
    """The flags of train.py among the arguments."""

    def __post_init__(self) -> None:
        if not 0 < self.minutes < math.inf:
            raise UserError(f"--minutes {self.minutes:g} must be more than 0")
        if self.trial_minutes is not None and not 0 < self.trial_minutes <= self.minutes:
            raise UserError(f"--trial-minutes {self.trial_minutes:g} must be more than 0 and at most --minutes")
        if self.trials is not None and self.trials < 1:
            raise UserError(f"--trials {self.trials} must be at least 1")
        given = [flag for flag, _ in _by_flag(self.training)]
        for flag in _OF_ONE_RUN:
            if flag in given:
                raise UserError(f"{flag} is for one run, but tune makes many: leave it out")
        if self.trial_minutes is not None and (both := [flag for flag in _BUDGETS if flag in self.training]):
            raise UserError(f"--trial-minutes and {both[0]} cannot be combined: give one budget for a trial")

    @classmethod
    def parsed(cls, arguments: list[str], program: str) -> Command:
        """The command of these arguments, those of train.py among them."""
        # tyro 0.9.1 loses the value of a flag that it does not know where that is written as --flag=value.
        parts = [argument.split("=", 1) if argument.startswith("--") else [argument] for argument in arguments]
        command, others = parse(cls, list(itertools.chain(*parts)), program, return_unknown_args=True)
        return dataclasses.replace(command, training=tuple(others))

    def run(self) -> int:
        base = parse_training(list(self.training), "python -m aigc_tf tune")[1]
        try:
            from aigc_tf.tuning import space, training
            from aigc_tf.tuning.search import Search
        except ImportError as error:
            raise UserError(f"tune needs Optuna ({error}): pip install -r requirements-tune.txt") from None
        budget = self._budget(base)
        if base.strategy != "mirrored":
            raise UserError(f"--strategy {base.strategy} is for one run: trials of a search train one by one, here")
        base = dataclasses.replace(base, steps=None, epochs=None, minutes=None)
        sought = space.read(self.over, base)
        name = self.name or f"tune-{base.data_name}-{base.family.title}"
        folder = base.logs / str(dataclasses.replace(base, name=name).name)  # which checks it
        print(f"search: {folder}   (watch it: python -m aigc_tf board {quoted(folder)})")
        with tqdm(total=self.minutes, bar_format=_BAR, leave=False, disable=terminal.no_bar()) as bar:

            def passed(minutes: float) -> None:
                bar.n = min(minutes, self.minutes)
                bar.refresh()

            try:
                best = Search(folder, base, sought, budget, self.minutes, self.trials, tqdm.write, passed).run()
            except training.Stopped:
                bar.close()
                print("stopped; the same command goes on")
                return interruption.STOPPED_EARLY
        _show(best)
        print(f"train with the best, for as long as you like:\n{self._command(best[0])}")
        return 0

    def _budget(self, base: TrainConfig) -> tuple[str, float]:
        """Of one trial."""
        for name in ("steps", "epochs"):
            if f"--{name}" in self.training:
                return name, getattr(base, name)
        return "minutes", self.trial_minutes or self.minutes / _SHARE

    def _command(self, best: Trial) -> str:
        """The command line that trains with what was found, for as long as one likes."""
        flags = {name: values for name, values in _by_flag(self.training) if name not in _BUDGETS}
        for name, value in best.values.items():
            flag = f"--{name.replace('_', '-')}"
            flags.pop(f"--no-{flag[2:]}", None)
            if isinstance(value, bool):
                flags.pop(flag, None)
                flags[flag if value else f"--no-{flag[2:]}"] = []
            elif value is not None:
                flags[flag] = [str(value)]
        return shlex.join(
            ["python", "train.py", *itertools.chain(*([flag, *values] for flag, values in flags.items()))]
        )


def _by_flag(arguments: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Flags with the values behind each."""
    found: list[tuple[str, list[str]]] = []
    for argument in arguments:
        if argument.startswith("--"):
            found.append((f"--{argument[2:].replace('_', '-')}", []))
        elif found:
            found[-1][1].append(argument)
    return found


def _show(best: list[Trial]) -> None:
    table = Table(title="the best, judged once more by fresh seeds")
    for heading in ("trial", "settings", "Fréchet distance", "when it was chosen"):
        table.add_column(heading, justify="right" if heading[0] in "Fw" else "left", overflow="fold")
    for trial in best:
        table.add_row(trial.name, trial.settings(), f"{trial.again:.4g}", f"{trial.distance:.4g}")
    terminal.console().print(table)
