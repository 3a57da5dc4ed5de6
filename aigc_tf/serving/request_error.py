"""Refusals: one set of codes for both protocols, as TensorFlow Serving maps them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from grpc import StatusCode

T = TypeVar("T")

# The HTTP status that TensorFlow Serving 2.15 answers for each code; all others are 500.
HTTP_STATUS = {
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.NOT_FOUND: 404,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}
_LONGEST_MESSAGE = 1000  # gRPC carries it in a header, and headers are limited
_BY_NUMBER = {code.value[0]: code for code in StatusCode}


class RequestError(Exception):
    """A request that gets an error for an answer.

    Attributes:
        code: the gRPC code.
        message: what was wrong, for the client.
    """

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(message[:_LONGEST_MESSAGE])
        self.code = code
        self.message = message[:_LONGEST_MESSAGE]

    @classmethod
    def of_number(cls, number: int, message: str) -> RequestError:
        """From the number of a code, which is the same in TensorFlow and in gRPC."""
        return cls(_BY_NUMBER.get(number, StatusCode.INTERNAL), message)


def invalid(message: str) -> RequestError:
    """The client sent what cannot be answered."""
    return RequestError(StatusCode.INVALID_ARGUMENT, message)


async def within(seconds: float, answer: Awaitable[T]) -> T:
    """The answer, or RequestError (DEADLINE_EXCEEDED) where it takes longer; it is given up then."""
    try:
        return await asyncio.wait_for(answer, seconds)
    except asyncio.TimeoutError:
        raise RequestError(StatusCode.DEADLINE_EXCEEDED, f"not answered within {seconds:g} seconds") from None
