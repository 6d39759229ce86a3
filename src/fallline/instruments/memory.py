"""How strongly the past counts, against the learning rate: a grid over both, and what a theory of it predicts.

Momentum adds up gradients, each counting BETA times as much as the one after it: v = BETA v + g. While the gradient
does not change much, v is g / (1 - BETA), so that a step is 1 / (1 - BETA) times as long: the plain rule with the rate
    rate / (1 - BETA)
should do about the same (Qian, On the momentum term in gradient descent learning algorithms, Neural Networks 12, 1999).
Adam's running mean is m = B1 m + (1 - B1) g: it is g while the gradient does not change, whatever B1 is, so that the
same rate should do about the same. Both are put to the test: each trial with memory has a twin with less of it at
the rate that the theory names, and another at the rate that the other theory would name.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from fallline.instruments.compared import Curves
from fallline.instruments.trials import Trial
from fallline.instruments.varied import Cell, Varied
from fallline.measurement import Figures
from fallline.rules import Rule
from fallline.settings import rule_of

ADDS_UP = {"plain": None, "momentum": 0.9, "nesterov": 0.9}  # BETA unless given
AVERAGES = {"adam": 0.9, "adamw": 0.9}  # B1 unless given
MEMORY = (*(name for name in ADDS_UP if name != "plain"), *AVERAGES)


class Twin(NamedTuple):
    """A trial with less memory, made to be set beside one with more."""

    trial: Trial
    values: tuple[str, str]
    of: str  # the name of that one
    rate: float  # the rate of that one
    longer: float  # 1 / (1 - BETA) of that one, over the same of this
    effective: bool  # whether the rate is `longer` times that one's; else it is the same


def beta_of(rule: Rule) -> float | None:
    """How much of the past a rule keeps at each step; 0 for the plain rule, None for rules of other kinds."""
    known = ADDS_UP | AVERAGES
    if rule.name not in known:
        return None
    return rule.numbers[0] if rule.numbers else known[rule.name] or 0.0


def twins_of(varied: list[Varied], cells: list[Cell]) -> list[Twin]:
    """For each trial with memory of a grid over rate and rule, two with the least memory of its kind in the grid."""
    if {each.name for each in varied} != {"rate", "rule"}:
        return []
    twins = []
    for cell in cells:
        settings, base = cell.trial.settings, _base(cell, cells)
        more, less = beta_of(rule_of(settings)), base and beta_of(rule_of(base.trial.settings))
        if base is None or more is None or less is None or settings.rate == "auto":
            continue
        longer = (1 - less) / (1 - more)
        for effective in (True, False):
            rate = settings.rate * (longer if effective else 1.0)
            rule = base.trial.settings.rule
            values = (f"{rate:.4g}", rule) if varied[0].name == "rate" else (rule, f"{rate:.4g}")
            name = f"{cell.trial.name}: twin {'at the effective rate' if effective else 'at the same rate'}"
            trial = Trial(name, base.trial.settings, rate)
            twins.append(Twin(trial, values, cell.trial.name, settings.rate, longer, effective))
    return twins


def _base(cell: Cell, cells: list[Cell]) -> Cell | None:
    """The trial of the same kind of rule that remembers least, where that is less than this one does."""
    mine = rule_of(cell.trial.settings)
    beta = beta_of(mine)
    kind = next((kind for kind in (ADDS_UP, AVERAGES) if mine.name in kind), {})
    others = [(beta_of(rule_of(other.trial.settings)), other) for other in cells]
    same = [(b, other) for b, other in others if b is not None and rule_of(other.trial.settings).name in kind]
    if beta is None or not same:
        return None
    least, base = min(same, key=lambda pair: pair[0])
    return base if least < beta else None


def memory_figures(
    varied: list[Varied], cells: list[Cell], curves: list[Curves], twins: list[Twin], seen: list[Curves]
) -> Figures:
    """The figures of a grid.

    a, b (the names of the settings), a_values, b_values, rules (of each trial). And of a grid over rate and rule lists
    with an entry for each trial with memory: memory (its name), memory_rule, memory_base (the rule of its twins),
    memory_rate, memory_longer, memory_adds_up (else it averages), memory_late (its mean loss over the last fifth),
    effective_late and same_late (those of its twins); None where one diverged.
    """
    figures: Figures = {"a": varied[0].name, "b": varied[1].name}
    figures |= {"a_values": list(varied[0].values), "b_values": list(varied[1].values)}
    of = {curve.name: curve for curve in curves}
    settings = {cell.trial.name: cell.trial.settings for cell in cells}
    rules = {name: rule_of(each).name for name, each in settings.items()}
    pairs = [
        (twin, late_of(of[twin.of]), late_of(effective), late_of(same))
        for twin, effective, same in zip(twins[::2], seen[::2], seen[1::2], strict=True)
    ]
    return figures | {
        "rules": [rules[curve.name] for curve in curves],
        "memory": [twin.of for twin, *_ in pairs],
        "memory_rule": [settings[twin.of].rule for twin, *_ in pairs],
        "memory_base": [twin.trial.settings.rule for twin, *_ in pairs],
        "memory_rate": [twin.rate for twin, *_ in pairs],
        "memory_longer": [twin.longer for twin, *_ in pairs],
        "memory_adds_up": [rules[twin.of] in ADDS_UP for twin, *_ in pairs],
        "memory_late": [late for _, late, _, _ in pairs],
        "effective_late": [late for _, _, late, _ in pairs],
        "same_late": [late for _, _, _, late in pairs],
    }


def late_of(curve: Curves) -> float | None:
    """The mean loss over the last fifth; None where it diverged."""
    mean = float(curve.last.mean())
    return None if curve.diverged or not math.isfinite(mean) else mean
