"""Samplers: ways to follow a velocity from noise, at time 0, to content, at time 1.

A sampler is a function `(velocity, state, last, now, then, ratio) -> (state, last)` that makes one step: from a state
at the time `now` to one at the time `then`. `velocity(state, time)` asks the network; `last` is the velocity at the
step before, and `ratio` how long this step is beside that one, 0 for the first. `integrate` in `sampling` makes all
steps. Plain arithmetic does for it: importing this module imports no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Velocity = Callable[[Any, Any], Any]


def euler(velocity: Velocity, state: Any, last: Any, now: Any, then: Any, ratio: Any) -> tuple[Any, Any]:
    """Straight on: one evaluation a step, of order 1."""
    here = velocity(state, now)
    return state + (then - now) * here, here


def heun(velocity: Velocity, state: Any, last: Any, now: Any, then: Any, ratio: Any) -> tuple[Any, Any]:
    """By the mean of the velocities at both ends (Karras et al. 2022, https://arxiv.org/abs/2206.00364): two
    evaluations a step, of order 2."""
    here = velocity(state, now)
    there = velocity(state + (then - now) * here, then)
    return state + (then - now) * (here + there) / 2, here


def multistep(velocity: Velocity, state: Any, last: Any, now: Any, then: Any, ratio: Any) -> tuple[Any, Any]:
    """Adams and Bashforth's: by the line through the velocities at this step and at the one before; one evaluation a
    step, of order 2."""
    here = velocity(state, now)
    return state + (then - now) * (here + ratio / 2 * (here - last)), here


SAMPLERS = {"euler": euler, "heun": heun, "multistep": multistep}
