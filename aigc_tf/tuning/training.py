"""One trial as its runs: `train.py` and `evaluate.py`, each in a process of its own that may die."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aigc_tf.errors import FaultError, UserError
from aigc_tf.interruption import STOPPED_EARLY
from aigc_tf.metrics.collapse import distance
from aigc_tf.run_folder import RunFolder

# In one process, since each takes seconds to begin.
_TRAIN = """
from aigc_tf.cli import evaluate_main, train_main
import sys
run, *train = sys.argv[1:]
raise SystemExit(train_main(train) or evaluate_main([run, "--quick"]))
"""
_JUDGE = "from aigc_tf.cli import evaluate_main; raise SystemExit(evaluate_main())"
_TICK_SECONDS = 0.5
Tick = Callable[[], object]
Budget = tuple[str, float]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TrialError(FaultError):
    """A training or a judgement that failed; the message is what it said.

    Attributes:
        mistaken: whether it was told as a mistake in the settings.
    """

    def __init__(self, message: str, mistaken: bool) -> None:
        super().__init__(message)
        self.mistaken = mistaken


class Stopped(Exception):
    """Somebody asked the search to end; what was being trained is saved."""


@dataclasses.dataclass(frozen=True)
class Judged:
    """What the judges said of a model: its Fréchet distance, and the step that it is of."""

    step: int
    distance: float


def newest_judgement(run: RunFolder) -> Judged | None:
    """The one of the newest step of that run, None where none was made."""
    newest = run.newest_evaluation()
    return None if newest is None else judged(newest)


def judged(record: Path) -> Judged:
    """Raises FaultError where the file holds no Fréchet distance: there is nothing to search by."""
    try:
        found = json.loads(record.read_text())
        values = {name: float(figure["value"]) for name, figure in found["measures"].items()}
        judgement = Judged(int(found["subject"]["step"]), distance(values))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, StopIteration) as error:
        raise FaultError(f"{record} holds no Fréchet distance to search by ({error!r})") from None
    if not math.isfinite(judgement.distance):
        raise FaultError(f"{record} holds the Fréchet distance {judgement.distance}, which says nothing")
    return judgement


def train(run: RunFolder, config: Path, budget: Budget, log: Path, tick: Tick) -> Judged:
    """Train `run` until the budget, such as ("minutes", 2.0), is spent, from where it stands, and judge it.

    `config` is the file of the settings with which it begins, `tick` is called while that takes its time. Raises
    TrialError where that failed, `Stopped` where somebody ended it.
    """
    begin = ["--resume", run.path] if run.config_file.is_file() else ["--config", config]
    _call(_TRAIN, [run.path, *begin, f"--{budget[0]}", budget[1]], log, tick)
    found = newest_judgement(run)
    if found is None:
        raise TrialError(f"{run.path} was not judged", mistaken=False)
    return found


def judge_again(run: RunFolder, seed: int, record: Path, log: Path, tick: Tick) -> Judged:
    """Judge the newest step of `run` by samples of fresh seeds; what was judged before is not judged anew."""
    if not record.exists():
        _call(_JUDGE, [run.path, "--quick", "--seed", seed, "--json", record], log, tick)
    return judged(record)


def wait_for_orphan(run: RunFolder, tick: Tick) -> None:
    """Until nobody trains in that folder: where a search was killed, what it trained comes to the end of its budget."""
    while run.config_file.is_file():
        try:
            run.lock().close()
            return
        except UserError:
            time.sleep(_TICK_SECONDS)
            tick()


def _call(program: str, arguments: list[object], log: Path, tick: Tick) -> None:
    """Run a command of ours whose output goes to the end of `log`.

    It has a session of its own, so that a Ctrl-C in the terminal reaches it once, through us, and as the signal after
    which it saves and ends.
    """
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with log.open("a") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        _wait(process, tick)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode == STOPPED_EARLY:
        raise Stopped
    if process.returncode:
        raise TrialError(_why(log, process.returncode), mistaken=process.returncode == 2)


def _wait(process: subprocess.Popen, tick: Tick) -> None:
    """Until it ends, or a signal asks us to end: then it is asked, too, and waited for. A second Ctrl-C ends it."""

    def ask(number: int, frame: object) -> None:
        asked.append(number)
        if len(asked) == 1:
            process.send_signal(signal.SIGTERM)
        else:
            process.kill()

    asked: list[int] = []
    numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_TICK_SECONDS)
            tick()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        raise Stopped


def _why(log: Path, status: int) -> str:
    """The last error in the log, in a line."""
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in said if line.startswith("error: ")]
    return (errors or said or [f"exit status {status}"])[-1].removeprefix("error: ")[:500]
