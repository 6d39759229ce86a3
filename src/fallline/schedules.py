"""The rate over the steps, as a multiple of the rate that was set.

    constant                  1
    step:FACTOR,EPOCHS        times FACTOR every so many epochs
    inverse[:DECAY]           1 / (1 + DECAY * epoch)
    exponential[:FACTOR]      times FACTOR each epoch, little by little
    linear[:END]              straight down to END at the last step
    cosine                    half a cosine wave down to 0 at the last step
    warmup[:EPOCHS]           up from nearly 0, then constant
    onecycle                  up and down again within all steps

All but inverse are Optax's. Those that end need to know how many steps there will be: the horizon; a plateau does not
stop a training before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fallline.engine import precision

DEFAULTS: dict[str, tuple[float, ...]] = {
    "constant": (),
    "step": (0.5, 10.0),
    "inverse": (1.0,),
    "exponential": (0.95,),
    "linear": (0.0,),
    "cosine": (),
    "warmup": (1.0,),
    "onecycle": (),
}


NAMES = {
    "step": ("factor", "epochs"),
    "inverse": ("decay",),
    "exponential": ("factor",),
    "linear": ("end",),
    "warmup": ("epochs",),
}
BLOCK = 4096  # steps


@dataclass(frozen=True)
class Schedule:
    """A schedule by its name and numbers."""

    name: str = "constant"
    numbers: tuple[float, ...] = ()

    def multiples(self, steps: np.ndarray, horizon: int, epoch_steps: int) -> np.ndarray:
        """The multiple of the rate at each of `steps` (ascending, counted from 0), float64."""
        if self.name == "constant":
            return np.ones(len(steps))
        numbers = self.numbers + DEFAULTS[self.name][len(self.numbers) :]
        blocks = [
            _block(self.name, numbers, horizon, epoch_steps, b)
            for b in range(steps[0] // BLOCK, steps[-1] // BLOCK + 1)
        ]
        return np.concatenate(blocks)[steps - steps[0] // BLOCK * BLOCK]

    @property
    def ends(self) -> bool:
        """True when the shape depends on how many steps there will be."""
        return self.name in ("linear", "cosine", "onecycle")


@lru_cache(maxsize=64)
def _block(name: str, numbers: tuple[float, ...], horizon: int, epoch_steps: int, block: int) -> np.ndarray:
    """The multiples of BLOCK steps at once: the same bits for a step, whatever steps are asked for with it."""
    with precision(64):
        steps = jnp.arange(block * BLOCK, (block + 1) * BLOCK)
        return np.asarray(jax.vmap(_function(name, numbers, horizon, epoch_steps))(steps), np.float64)


def _function(name: str, numbers: tuple[float, ...], horizon: int, epoch_steps: int) -> Callable:
    schedules = optax.schedules
    if name == "step":
        factor, epochs = numbers
        return schedules.exponential_decay(1.0, max(1, round(epochs * epoch_steps)), factor, staircase=True)
    if name == "inverse":
        return lambda step: 1 / (1 + numbers[0] * step / epoch_steps)
    if name == "exponential":
        return schedules.exponential_decay(1.0, epoch_steps, numbers[0])
    if name == "linear":
        return schedules.linear_schedule(1.0, numbers[0], horizon)
    if name == "cosine":
        return schedules.cosine_decay_schedule(1.0, horizon)
    if name == "warmup":
        steps = max(1, round(numbers[0] * epoch_steps))
        return schedules.linear_schedule(1 / steps, 1.0, steps - 1) if steps > 1 else lambda step: 1.0
    return schedules.cosine_onecycle_schedule(max(horizon, 4), 1.0)
