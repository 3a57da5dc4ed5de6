"""The queue: who shares a batch, who waits, and that nobody gets a neighbour's answer or error."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from grpc import StatusCode

from aigc_tf.serving.batching import Batcher
from aigc_tf.serving.limits import Limits
from aigc_tf.serving.request_error import RequestError, invalid


class Machine:
    """Doubles its rows; refuses -13; can be held still."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.batches: list[list[int]] = []

    def run(self, inputs):
        assert self.go.wait(30)
        rows = inputs["x"]
        self.batches.append(rows.tolist())
        if -13 in rows:
            raise invalid("unlucky")
        return {"y": rows * 2}


async def ask(batcher: Batcher, *rows: int) -> list[int]:
    return (await batcher.answer({"x": np.array(rows)}))["y"].tolist()


def answers(coroutine_of, machine: Machine | None = None, **limits):
    """What the coroutine of a fresh batcher with one worker returns, and the sizes that were counted."""
    machine = machine or Machine()
    sizes: list[int] = []

    async def run():
        with ThreadPoolExecutor(1) as workers:
            batcher = Batcher(machine.run, Limits(**limits), workers, 1, lambda rows, waited: sizes.append(rows))
            return await asyncio.wait_for(coroutine_of(batcher), 30)

    return asyncio.run(run()), sizes


def test_waiting_requests_share_batches_and_each_gets_its_own_rows():
    async def many(batcher):
        return await asyncio.gather(*(ask(batcher, number, number + 100) for number in range(10)))

    found, sizes = answers(many, max_batch_size=8, batch_timeout_ms=5)
    assert found == [[2 * number, 2 * number + 200] for number in range(10)]
    assert sizes == [8, 8, 4]


def test_one_request_of_many_rows_is_cut():
    found, sizes = answers(lambda batcher: ask(batcher, *range(20)), max_batch_size=8)
    assert found == [2 * number for number in range(20)]
    assert sizes == [8, 8, 4]


def test_an_error_reaches_only_the_request_that_made_it():
    async def three(batcher):
        return await asyncio.gather(ask(batcher, 1), ask(batcher, -13), ask(batcher, 3), return_exceptions=True)

    found, _ = answers(three, batch_timeout_ms=20)
    assert (found[0], found[2]) == ([2], [6])
    assert isinstance(found[1], RequestError)


def test_a_full_queue_refuses_at_once_and_takes_again_later():
    machine = Machine()
    machine.go.clear()

    async def crowd(batcher):
        waiting = [asyncio.create_task(ask(batcher, number)) for number in range(5)]
        await asyncio.sleep(0.05)  # one is being computed, four wait
        with pytest.raises(RequestError) as caught:
            await ask(batcher, 6)
        assert caught.value.code == StatusCode.UNAVAILABLE
        machine.go.set()
        return await asyncio.gather(*waiting), await ask(batcher, 7)

    found, _ = answers(crowd, machine, max_batch_size=1, max_queued_rows=4)
    assert found == ([[0], [2], [4], [6], [8]], [14])


def test_what_nobody_waits_for_is_not_computed():
    machine = Machine()
    machine.go.clear()

    async def impatient(batcher):
        first = asyncio.create_task(ask(batcher, 1))
        second = asyncio.create_task(ask(batcher, 2))
        third = asyncio.create_task(ask(batcher, 3))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0)
        machine.go.set()
        return await asyncio.gather(first, third)

    found, _ = answers(impatient, machine, max_batch_size=1)
    assert found == [[2], [6]]
    assert machine.batches == [[1], [3]]


def test_a_lone_request_waits_no_longer_than_told():
    async def alone(batcher):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await ask(batcher, 1)
        return loop.time() - begun

    seconds, _ = answers(alone, batch_timeout_ms=200)
    assert 0.19 < seconds < 5
