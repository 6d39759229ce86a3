"""4 UPDATE: how a gradient becomes a direction. The update is w_new = w_old - rate * direction.

All are Optax's; the names and numbers after a colon are the ones that `--rule` takes.

    plain                         direction = gradient
    momentum[:BETA]               v = BETA * v + gradient; direction = v
    nesterov[:BETA]               v = BETA * v + gradient; direction = gradient + BETA * v
    adagrad                       gradient / sqrt(sum of its squares so far)
    rmsprop[:DECAY]               gradient / sqrt(running mean of its squares)
    adam[:B1,B2]                  running mean / sqrt(running mean of squares), both corrected for their start
    adamw[:B1,B2,DECAY]           adam + DECAY * weights (biases left out)
    lion[:B1,B2]                  the sign of a running mean
    prodigy, dadapt, dog, dowg, cocob, mechanic, momo
                                  find their own rate; `rate` multiplies it and is 1 unless given
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import optax

from fallline.types import AbstractRule, Parameters, State, is_bias


def _adamw(b1: float = 0.9, b2: float = 0.999, decay: float = 1e-4) -> optax.GradientTransformation:
    def weights_only(parameters: Parameters) -> Parameters:
        return jax.tree_util.tree_map_with_path(lambda path, _: not is_bias(path), parameters)

    return optax.chain(optax.scale_by_adam(b1, b2), optax.add_decayed_weights(decay, weights_only))


def _up_to_down(rule: optax.GradientTransformation) -> optax.GradientTransformation:
    """Optax's whole rules give what to add; a direction here is what to subtract."""
    return optax.chain(rule, optax.scale(-1.0))


RULES: dict[str, Callable[..., optax.GradientTransformation]] = {
    "plain": lambda: optax.identity(),
    "momentum": lambda beta=0.9: optax.trace(decay=beta),
    "nesterov": lambda beta=0.9: optax.trace(decay=beta, nesterov=True),
    "adagrad": lambda: optax.scale_by_rss(initial_accumulator_value=0.1, eps=1e-7),
    "rmsprop": lambda decay=0.9: optax.scale_by_rms(decay=decay, eps_in_sqrt=False),
    "adam": lambda b1=0.9, b2=0.999: optax.scale_by_adam(b1, b2),
    "adamw": _adamw,
    "lion": lambda b1=0.9, b2=0.99: optax.scale_by_lion(b1, b2),
    "prodigy": lambda: _up_to_down(optax.contrib.prodigy()),
    "dadapt": lambda: _up_to_down(optax.contrib.dadapt_adamw()),
    "dog": lambda: _up_to_down(optax.contrib.dog()),
    "dowg": lambda: _up_to_down(optax.contrib.dowg()),
    "cocob": lambda: _up_to_down(optax.contrib.cocob()),
    "mechanic": lambda: _up_to_down(optax.contrib.mechanize(optax.sgd(1.0))),
    "momo": lambda: _up_to_down(optax.contrib.momo()),
}

NUMBERS = {
    "momentum": 1,
    "nesterov": 1,
    "rmsprop": 1,
    "adam": 2,
    "adamw": 3,
    "lion": 2,
}  # at most, after a colon
RATE_FREE = ("prodigy", "dadapt", "dog", "dowg", "cocob", "mechanic", "momo")


@dataclass(frozen=True)
class Rule:
    """A rule by its name and numbers, with the gradient's norm clipped first if asked."""

    name: str = "plain"
    numbers: tuple[float, ...] = ()
    clip: float | None = None

    def chain(self) -> optax.GradientTransformationExtraArgs:
        """init(parameters) -> memory; update(gradient, memory, parameters, value=loss) -> direction, memory."""
        rule = RULES[self.name](*self.numbers)
        if self.clip is not None:
            rule = optax.chain(optax.clip_by_global_norm(self.clip), rule)
        return optax.with_extra_args_support(rule)

    @property
    def is_plain(self) -> bool:
        """The direction is the gradient itself."""
        return self.name == "plain" and self.clip is None

    @property
    def finds_its_rate(self) -> bool:
        return self.name in RATE_FREE


def start(rule: AbstractRule, parameters: Parameters, averaged: bool = False) -> State:
    """The state before the first step."""
    return State(parameters, rule.chain().init(parameters), parameters if averaged else None)
