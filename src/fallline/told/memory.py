"""Claims of a comparison about memory: what momentum and Adam keep of the past, and how that differs from the rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number

REMEMBER = ("momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "lion")


def _kinds(f: Figures) -> list[str]:
    """The name of each trial's rule, without its numbers."""
    return f["rules"] if f["grid"] else [value.partition(":")[0] for value in f["values"]]


def _by_memory(f: Figures, name: str) -> tuple[tuple[float, str], tuple[float, str]] | None:
    """The smallest entry of the plain rule and that of the rules with memory, each with the trial's name."""
    if "rule" not in f["vary"].split(" x "):
        return None
    rows = list(zip(f[name], f["values"], _kinds(f), strict=True))
    plain = [(value, who) for value, who, kind in rows if kind == "plain" and value is not None]
    others = [(value, who) for value, who, kind in rows if kind in REMEMBER and value is not None]
    return (min(plain), min(others)) if plain and others else None


def _helps(f: Figures) -> bool | None:
    found = _by_memory(f, "late" if f["grid"] else "to_updates")
    return None if found is None else found[1][0] < found[0][0]


def _helped(f: Figures) -> str:
    found = _by_memory(f, "late" if f["grid"] else "to_updates")
    assert found is not None
    (plain, without), (others, memory) = found
    if f["grid"]:
        return (
            f"the lowest loss over the last fifth of {count(f['steps'][0])} updates was {number(others)} with memory "
            f"({memory}) and {number(plain)} without ({without})"
        )
    return (
        f"to a loss of {number(f['level'])} the rule {memory} took {number(others, 3)} updates and the plain rule "
        f"{number(plain, 3)}"
    )


def _log(value: float | None) -> float:
    return math.inf if value is None else math.log(max(value, 1e-300))


def _apart(one: float | None, other: float | None) -> float:
    return 0.0 if one is None and other is None else abs(_log(one) - _log(other))


def _as_predicted(f: Figures, every: bool = False) -> Sequence[bool | None] | None:
    """For each trial with memory whether the twin that theory names came closer; None where there is nothing to tell.

    Those whose twins are equally far tell nothing: None in their place when `every`, else left out.
    """
    if not f.get("memory"):
        return None
    found: list[bool | None] = []
    for late, effective, same, adds in zip(
        f["memory_late"], f["effective_late"], f["same_late"], f["memory_adds_up"], strict=True
    ):
        to_effective, to_same = _apart(late, effective), _apart(late, same)
        found.append((to_effective < to_same) == adds if to_effective != to_same else None)
    told = [each for each in found if each is not None]
    return (found if every else told) if told else None


def _holds(f: Figures) -> bool | None:
    found = _as_predicted(f)
    return None if found is None else 2 * sum(map(bool, found)) > len(found)


def _ended(value: float | None) -> str:
    return "diverged" if value is None else f"came to {number(value)}"


def _theory(f: Figures) -> str:
    if f["memory_adds_up"][0]:
        return (
            "The rate says how far a step goes for a gradient; momentum's BETA says how much of the gradients before "
            f"is added to it. While they agree, that makes steps {number(max(f['memory_longer']), 3)} times as long: "
            "an effective rate of rate / (1 − BETA)"
        )
    return (
        "The rate says how far a step goes; Adam's first number says over how many gradients its direction is "
        "averaged. An average of gradients that agree is no longer than they are: the effective rate stays the rate"
    )


def _example(f: Figures, agrees: bool) -> str:
    """One trial with memory beside its twins, the middle one of those that agree with the sentence."""
    found = _as_predicted(f, every=True) or []
    places = [place for place, predicted in enumerate(found) if predicted is agrees]
    at = places[len(places) // 2]
    rule, base, rate, longer = (f[f"memory_{name}"][at] for name in ("rule", "base", "rate", "longer"))
    return (
        f"with {rule} the rate {number(rate, 3)} {_ended(f['memory_late'][at])}; with {base} the same rate "
        f"{_ended(f['same_late'][at])}, and {number(longer, 3)} times that rate {_ended(f['effective_late'][at])}"
    )


def _raised(f: Figures) -> str:
    """What raising the rate did with each rule of the grid."""
    first = f["a"] == "rate"
    rates, rules = (f["a_values"], f["b_values"]) if first else (f["b_values"], f["a_values"])
    rates = sorted(rates, key=float)
    said = []
    for rule in rules:
        names = [f"rate={r}, rule={rule}" if first else f"rule={rule}, rate={r}" for r in (rates[0], rates[-1])]
        low, high = ("diverging" if v is None else number(v) for v in (f["late"][f["values"].index(n)] for n in names))
        said.append(f"from {low} to {high} with {rule}")
    return f"Raising the rate from {rates[0]} to {rates[-1]} took the loss {', '.join(said)}."


def _judged(f: Figures, only: str = "") -> str:
    found = _as_predicted(f) or []
    right = "none" if not any(found) else "all" if all(found) else f"{only}{count(sum(map(bool, found)))}"
    return f"{right} of {count(len(found))} trials"


MEMORY_CLAIMS = (
    Claim(
        "rate-against-memory",
        _holds,
        lambda f: (
            f"{_theory(f)}. By the mean loss over the last fifth of {count(f['steps'][0])} updates that came true in "
            f"{_judged(f)}: {_example(f, True)}. {_raised(f)}"
        ),
        lambda f: (
            f"{_theory(f)}. By the mean loss over the last fifth of {count(f['steps'][0])} updates that came true in "
            f"{_judged(f, 'only ')}: {_example(f, False)}. {_raised(f)}"
        ),
    ),
    Claim(
        "memory-helps",
        _helps,
        lambda f: f"Memory helped: {_helped(f)}.",
        lambda f: f"Memory did not help here: {_helped(f)}.",
    ),
)
