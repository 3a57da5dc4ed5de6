"""Computes the rows of several waiting requests together, without one request noticing another, but for last bits
where a model does not promise rows to be exact."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from grpc import StatusCode

from aigc_tf.serving.limits import Limits
from aigc_tf.serving.request_error import RequestError

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class _Piece:
    """Rows of one request that wait for a place in a batch."""

    inputs: Arrays
    rows: int
    since: float
    answer: asyncio.Future


class Batcher:
    """The queue of one signature of one version; used from the event loop only, computes in `workers`.

    A batch starts when a worker is free and either `max_batch_size` rows wait or the first has waited
    `batch_timeout_ms`. A request of more rows is cut; one that fails in company is computed once more alone, so that
    nobody gets a neighbour's error.
    """

    def __init__(
        self,
        run: Callable[[Arrays], Arrays],
        limits: Limits,
        workers: ThreadPoolExecutor,
        num_workers: int,
        count_batch: Callable[[int, list[float]], None],
    ) -> None:
        self._run = run
        self._limits = limits
        self._workers = workers
        self._count_batch = count_batch
        self._waiting: deque[_Piece] = deque()
        self._waiting_rows = 0
        self._free = num_workers
        self._running: set[asyncio.Task] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def answer(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Outputs for checked inputs [N, ...], row by row; RequestError (UNAVAILABLE) where the queue is full."""
        rows = len(next(iter(inputs.values())))
        if self._waiting_rows + rows > self._limits.max_queued_rows:
            raise RequestError(StatusCode.UNAVAILABLE, "the queue of this signature is full; try again later")
        loop = asyncio.get_running_loop()
        pieces = []
        for start in range(0, rows, self._limits.max_batch_size):
            part = {name: array[start : start + self._limits.max_batch_size] for name, array in inputs.items()}
            size = len(next(iter(part.values())))
            pieces.append(_Piece(part, size, loop.time(), loop.create_future()))
        self._waiting.extend(pieces)
        self._waiting_rows += rows
        self._start()
        try:
            answers = await asyncio.gather(*(piece.answer for piece in pieces))
        finally:
            for piece in pieces:
                piece.answer.cancel()  # nobody waits any more: what has not begun need not
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def _start(self) -> None:
        """Start what batches can be started now; come back when the next is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._free and self._waiting:
            due = self._waiting[0].since + self._limits.batch_timeout_ms / 1000
            if self._waiting_rows < self._limits.max_batch_size and loop.time() < due:
                self._timer = loop.call_at(due, self._start)
                return
            pieces = self._take()
            if pieces:
                self._free -= 1
                task = loop.create_task(self._answer(pieces))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    def _take(self) -> list[_Piece]:
        """The longest waiting pieces that fit into one batch, without those that nobody waits for."""
        pieces: list[_Piece] = []
        rows = 0
        while self._waiting and rows + self._waiting[0].rows <= self._limits.max_batch_size:
            piece = self._waiting.popleft()
            self._waiting_rows -= piece.rows
            if not piece.answer.done():
                pieces.append(piece)
                rows += piece.rows
        return pieces

    async def _answer(self, pieces: list[_Piece]) -> None:
        loop = asyncio.get_running_loop()
        self._count_batch(sum(piece.rows for piece in pieces), [loop.time() - piece.since for piece in pieces])
        answers = await loop.run_in_executor(self._workers, self._compute, pieces)
        self._free += 1
        self._start()
        for piece, answer in zip(pieces, answers):
            if piece.answer.done():
                continue
            if isinstance(answer, Exception):
                piece.answer.set_exception(answer)
            else:
                piece.answer.set_result(answer)

    def _compute(self, pieces: list[_Piece]) -> list[Arrays | Exception]:
        """Answers or errors of the pieces, in their order; runs in a worker."""
        try:
            together = {name: np.concatenate([piece.inputs[name] for piece in pieces]) for name in pieces[0].inputs}
            outputs = self._run(together)
        except Exception as error:
            if len(pieces) == 1:
                return [error]
            return [answer for piece in pieces for answer in self._compute([piece])]
        ends = np.cumsum([piece.rows for piece in pieces])[:-1]
        parts = {name: np.split(array, ends) for name, array in outputs.items()}
        return [{name: part[number] for name, part in parts.items()} for number in range(len(pieces))]
