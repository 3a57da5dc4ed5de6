"""The same task for many files, on all processors."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from aigc_tf.errors import FaultError

Item = TypeVar("Item")
Result = TypeVar("Result")

_FEW = 64  # items that are done before other processes have started
_AT_ONCE = 16  # items that a process is handed: few enough for a bar that moves


def each(task: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result, None, None]:
    """The results of `task` for all items, in their order, from as many processes as there are processors.

    Begins in the main thread only; `task` and what it takes and gives must be picklable. The processes end with the
    loop over the results, however that ends, and with ours, however that dies. Raises FaultError where one of them is
    killed, as for want of memory.
    """
    workers = min(_processors(), -(-len(items) // _AT_ONCE))
    if len(items) <= _FEW or workers == 1:
        yield from map(task, items)
        return
    # Not forked: who calls us may have threads. Whoever is told of Ctrl-C, these are not: we end them.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, initializer=_end_with_parent)
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            results = pool.map(task, items, chunksize=_AT_ONCE)
        finally:
            signal.signal(signal.SIGINT, before)
        yield from results
    except BrokenProcessPool:
        raise FaultError(
            "a process that reads images was killed, perhaps for want of memory: go on with more of it, or without the "
            "largest images"
        ) from None
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _processors() -> int:
    """As many as we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for its next item for ever."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
