"""Work for many items, divided among processes: a crew."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from aigc_tf import onednn
from aigc_tf.errors import FaultError, UserError

Item = TypeVar("Item")
Result = TypeVar("Result")
State = TypeVar("State")

MOST = 256
_FEW = 64  # items that are done before other processes have started
_AT_ONCE = 16  # items that a process is handed: few enough for a bar that moves
_opens: Any = None  # in a process of a crew: makes its state, which is nothing before it is needed
_state: Any = None


class Crew(Generic[State]):
    """Processes that each hold a state of their own; see `crew`."""

    def __init__(self, count: int, pool: ProcessPoolExecutor) -> None:
        self.count, self._pool = count, pool

    def each(self, task: Callable[[State, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The results of `task` for a process' state and each item, in the order of the items, of which few are taken
        ahead. `task`, items and results must be picklable."""

        def begin(item: Item) -> Future[Result]:
            # A terminal tells all processes of Ctrl-C. Those that are started here inherit that it waits, for ever, and
            # we end them; what comes meanwhile for us is told right behind.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                return self._pool.submit(_with_state, task, item)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

        yield from in_order(begin, items, 2 * self.count)


@contextmanager
def crew(count: int, opens: Callable[[int], State], killed: str) -> Iterator[Crew[State]]:
    """So many processes, each of which makes its state first: `opens` of its number from 0, which must be picklable.

    They start with the first items, in the main thread only, and end with the context, however that ends, and with
    ours, however that dies. Raises FaultError, with the sentence `killed`, where one of them is killed, as for want of
    memory.
    """
    # Not forked: who calls us may have threads.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    first = (context.Value("i", 0), onednn.chosen(), opens)
    pool = ProcessPoolExecutor(count, context, initializer=_begin, initargs=first)
    try:
        yield Crew(count, pool)
    except BrokenProcessPool:
        raise FaultError(killed) from None
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def each(task: Callable[[Item], Result], items: Sequence[Item], killed: str) -> Generator[Result, None, None]:
    """The results of `task` for all items, in their order, from as many processes as there are processors; `killed` as
    for `crew`."""
    count = min(processors(), -(-len(items) // _AT_ONCE))
    if len(items) <= _FEW or count == 1:
        yield from map(task, items)
        return
    with crew(count, _nothing, killed) as processes:
        for results in processes.each(partial(_all, task), in_parts(items, _AT_ONCE)):
            yield from results


def in_order(
    begin: Callable[[Item], Future[Result]], items: Iterable[Item], ahead: int
) -> Generator[Result, None, None]:
    """The results of what `begin` starts for each item, in the order of the items, `ahead` of them waiting at most."""
    waiting = deque[Future[Result]]()
    for item in items:
        waiting.append(begin(item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def in_parts(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of so many, the last one shorter."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def check(workers: int) -> None:
    """Raise UserError for a number of processes that cannot be meant."""
    if not 1 <= workers <= MOST:
        raise UserError(f"--workers {workers} must be from 1 to {MOST}")


def processors() -> int:
    """As many as we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(number: Any, kernels: str | None, opens: Callable[[int], State]) -> None:
    global _opens
    _end_with_parent()
    onednn.choose(kernels)
    with number.get_lock():
        own, number.value = number.value, number.value + 1
    _opens = partial(opens, own)


def _with_state(task: Callable[[State, Item], Result], item: Item) -> Result:
    global _opens, _state
    try:
        if _opens is not None:  # here, so that what goes wrong is told as any task's failure is
            _opens, _state = None, _opens()
        return task(_state, item)
    except Exception as error:
        raise _sent(error) from None


def _sent(error: Exception) -> Exception:
    """It, or what it says where it cannot be sent to another process: the pool would take that for its own end."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return FaultError(f"{type(error).__name__}: {error}")


def _nothing(number: int) -> None:
    pass


def _all(task: Callable[[Item], Result], state: None, items: list[Item]) -> list[Result]:
    return [task(item) for item in items]


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for its next item for ever."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
