"""What is made of a run once it is trained: curves, a judgement, an export, a report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

from aigc_tf import evaluation_files, evaluation_record, evaluator, export, plots, subjects
from aigc_tf.config import TrainConfig
from aigc_tf.datasets.dataset import Dataset
from aigc_tf.errors import FaultError, UnfinishedError, UserError
from aigc_tf.report import dashboard, run_page
from aigc_tf.run_folder import RunFolder
from aigc_tf.shell import quoted


def finish(
    config: TrainConfig, run: RunFolder, data: Dataset, result: Literal["best"] | None, say: Callable[[str], None]
) -> None:
    """Make of a trained run what `config` asks for: curves, a judgement, an export, and then a report of the run, each
    whatever became of the others.

    Raises UnfinishedError, which says what failed and how to do it by hand: after hours of training there is no
    mistake and no bug that a traceback would be the answer to. A model that was judged to hand out copies of what it
    learned from is not published unasked, which is said in the same way.
    """
    chosen = " --step best" if result else ""
    folder = quoted(run.path)
    failed: list[str] = []
    copies = ""
    with _noted("drawing the curves", f"python train.py --resume {folder}", failed):
        plots.draw_curves(run)
    with dashboard.for_watchers():
        dashboard.tell_result(run)
    if config.evaluate:
        with _noted("judging", f"python evaluate.py {folder}{chosen}", failed):
            evaluation = evaluator.evaluate(subjects.of_run(run, result), data=data, say=say)
            copies = evaluation_record.copies(evaluation.record)
            evaluation_files.keep(evaluation.record, evaluation.evidence, run=run, say=say)
    if config.export and copies:
        failed.append(
            f"it is not published, since {copies}: more examples, fewer steps or augmentation help, and "
            f"python -m aigc_tf export {folder}{chosen} publishes it all the same"
        )
    elif config.export:
        with _noted("exporting", f"python -m aigc_tf export {folder}{chosen}", failed):
            say(f"published: {export.publish(run, step=result)}")
    with _noted("writing its report", f"python -m aigc_tf report {folder}", failed):
        run_page.write(run)
        say(f"report of the run: {run.page_file}")
    if failed:
        raise UnfinishedError(f"trained, and the checkpoints in {run.path} are safe, but {'; '.join(failed)}")


@contextlib.contextmanager
def _noted(what: str, command: str, failed: list[str]) -> Iterator[None]:
    """Add a failure to `failed`, as a phrase with the `command` that does it again."""
    try:
        yield
    except Exception as error:
        told = (UserError, FaultError, OSError)
        reason = " ".join(str(error).split())[:500]
        reason = reason if isinstance(error, told) else f"{type(error).__name__}: {reason}"
        failed.append(f"{what} failed ({reason}): once that is mended, {command}")
