"""What a rule makes of a gradient, in that rule's own formula: how much is old information and how much is new.

The formulas are those of `rules.py`, for one chosen weight; the shares are of all weights together. Rules that find
their own rate have no formula here: only their direction is given.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import optax

from fallline.measurement import Figures
from fallline.record import laid_flat
from fallline.rules import RULES, Rule
from fallline.types import Gradient, State

EPS = 1e-8  # Optax's, of rmsprop and adam
ADAGRAD = 1e-7  # the one that `rules.py` gives adagrad

Flat = np.ndarray  # [parameters]


def remembered(rule: Any, before: State, after: State, gradient: Gradient, direction: Gradient, k: int) -> Figures:
    """The chosen weight's direction in numbers, k its flat place.

    Returns: kind (the rule's name), gradient, used (the same, clipped where the rule clips), direction, the formula's
    own numbers by name; old_share: of the direction's length before scaling, how much is old: |old| / (|old| + |new|);
    scale_old_share: of what its scale is made of, how much is old. The shares are None where the rule has no such part.
    """
    flat = _flat(gradient)
    found: Figures = {
        "kind": rule.name if isinstance(rule, Rule) else "its own",
        "gradient": float(flat[k]),
        "direction": float(_flat(direction)[k]),
        "old_share": None,
        "scale_old_share": None,
    }
    if not isinstance(rule, Rule):
        return found
    norm = float(np.linalg.norm(flat))
    used = flat if rule.clip is None or norm < rule.clip else flat * (rule.clip / norm)
    found["used"] = float(used[k])
    if rule.name not in _FORMULAS:
        return found
    defaults = [p.default for p in signature(RULES[rule.name]).parameters.values()]
    numbers = [*rule.numbers, *defaults[len(rule.numbers) :]]

    def memory(state: State, name: str) -> Flat:
        return _flat(optax.tree_utils.tree_get(state.rule, name))

    named, old, new, old_scale, new_scale = _FORMULAS[rule.name](
        numbers, used, lambda name: memory(before, name), lambda name: memory(after, name)
    )
    found |= {name: float(np.broadcast_to(value, used.shape)[k]) for name, value in named.items()}
    if old is not None and new is not None:
        found["old_share"] = _share(np.linalg.norm(old), np.linalg.norm(new))
    if old_scale is not None and new_scale is not None:
        found["scale_old_share"] = _share(np.sum(old_scale), np.sum(new_scale))
    if rule.name == "adamw":
        decayed = float(_flat(direction)[k]) - found["m_hat"] / (np.sqrt(found["v_hat"]) + EPS)
        found |= {"decay": numbers[2], "decayed": decayed}
    return found


def _flat(tree: Any) -> Flat:
    return laid_flat(tree).astype(np.float64)


def _share(old: Any, new: Any) -> float | None:
    return float(old / (old + new)) if old + new > 0 else None


# Each: the rule's numbers, the gradient used, what was remembered before and after
#   -> the formula's numbers, then old and new part of the direction, old and new part of its scale.
Found = tuple[dict[str, Any], Flat | None, Flat | None, Flat | None, Flat | None]


def _plain(numbers: list[float], g: Flat, before: Callable[[str], Flat], after: Callable[[str], Flat]) -> Found:
    return {}, None, None, None, None


def _momentum(numbers: list[float], g: Flat, before: Callable[[str], Flat], after: Callable[[str], Flat]) -> Found:
    (beta,) = numbers
    return {"beta": beta, "v_old": before("trace"), "v": after("trace")}, beta * before("trace"), g, None, None


def _nesterov(numbers: list[float], g: Flat, before: Callable[[str], Flat], after: Callable[[str], Flat]) -> Found:
    (beta,) = numbers
    named = {"beta": beta, "v_old": before("trace"), "v": after("trace")}
    return named, beta**2 * before("trace"), (1 + beta) * g, None, None


def _adagrad(numbers: list[float], g: Flat, before: Callable[[str], Flat], after: Callable[[str], Flat]) -> Found:
    old = before("sum_of_squares")
    return {"sum_old": old, "sum": after("sum_of_squares"), "eps": ADAGRAD}, None, None, old, g**2


def _rmsprop(numbers: list[float], g: Flat, before: Callable[[str], Flat], after: Callable[[str], Flat]) -> Found:
    (decay,) = numbers
    named = {"decay": decay, "v_old": before("nu"), "v": after("nu"), "eps": EPS}
    return named, None, None, decay * before("nu"), (1 - decay) * g**2


def _adam(numbers: list[float], g: Flat, before: Callable[[str], Flat], after: Callable[[str], Flat]) -> Found:
    b1, b2 = numbers[:2]
    t, m, v = after("count")[0], after("mu"), after("nu")
    named = {
        "b1": b1,
        "b2": b2,
        "t": t,
        "m_old": before("mu"),
        "v_old": before("nu"),
        "m": m,
        "v": v,
        "m_hat": m / (1 - b1**t),
        "v_hat": v / (1 - b2**t),
        "eps": EPS,
    }
    return named, b1 * before("mu"), (1 - b1) * g, b2 * before("nu"), (1 - b2) * g**2


def _lion(numbers: list[float], g: Flat, before: Callable[[str], Flat], after: Callable[[str], Flat]) -> Found:
    b1, b2 = numbers
    old, new = b1 * before("mu"), (1 - b1) * g
    return {"b1": b1, "b2": b2, "m_old": before("mu"), "m": after("mu"), "mix": old + new}, old, new, None, None


_FORMULAS: dict[str, Callable[..., Found]] = {
    "plain": _plain,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adagrad": _adagrad,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adam,
    "lion": _lion,
}
