"""The kinds of questions: each looks at the record of a run and asks one thing, or None where it can't."""

from __future__ import annotations

from typing import Any

import numpy as np

from fallline.explain.pictures import sparkline
from fallline.explain.question import Question
from fallline.explain.recorded import column
from fallline.numbers import count, number

BLOCKS = 20  # equal stretches that a noisy run is looked at in
ALIKE = 0.02  # relative: means of stretches that differ by less are about the same
LUCK = 2.0  # standard errors of the difference of two means: what differs by less is about the same as well
TELLING = 1e-4  # relative: a single step that changes the loss by less is not asked about
HELD_ALIKE = 0.05  # the same for losses on different rows
SEEN = 6  # steps that are shown before the one that is asked for
APART = (1.3, 2.0, 3.0)  # times: how far wrong numbers lie from the right one


def random_start(run: Any, draw: np.random.Generator) -> Question | None:
    """Is the random start better than a trivial answer?"""
    start = run.start
    a, b = start.get("loss"), start.get("trivial_loss")
    if a is None or b is None or not np.isfinite([a, b]).all() or a == b:
        return None
    choices = ("the random start", start["trivial"])
    text = f"Which has the lower loss on the training rows: the random start, or {start['trivial']}?"
    shown = f"The random start has a loss of {number(a)}, {start['trivial']} has {number(b)}."
    return Question("random start", text, choices, int(b < a), shown)


def _losses(run: Any) -> np.ndarray:
    loss = column(run.trace, "loss") if run.trace.height else np.zeros(0)
    broken = np.flatnonzero(~np.isfinite(loss))
    return loss[: broken[0]] if len(broken) else loss


def _full(run: Any) -> bool:
    return run.trace.height > 0 and bool(abs(run.trace["epoch"][0] - 1.0) < 1e-9)


def _parameters(run: Any) -> np.ndarray | None:
    """[steps, parameters] after each step, for the plain rule, whose updates are the rate times the gradient."""
    plain = run.settings["rule"] == "plain" and run.settings.get("clip") is None and not run.settings.get("average")
    if not plain or "parameters" not in run.trace.columns or run.trace["parameters"].null_count():
        return None
    return run.trace["parameters"].to_numpy().astype(np.float64)


def next_step(run: Any, draw: np.random.Generator) -> Question | None:
    """Up, down, or down but past the valley's floor? Asked where steps see all rows, so that nothing is luck."""
    loss, path = _losses(run), _parameters(run)
    if not _full(run) or len(loss) < SEEN + 2:
        return None
    steps = np.arange(SEEN, len(loss) - 1)  # an index: the update after which the loss is asked for
    effect = (loss[steps + 1] > loss[steps]).astype(int)
    choices = ("down", "up")
    if path is not None:
        updates = np.diff(path[: len(loss)], axis=0)  # of the steps from the second on
        past = np.einsum("sp,sp->s", updates[steps - 1], updates[steps]) < 0
        effect = np.where(effect == 1, 1, np.where(past, 2, 0))
        choices = ("down", "up", "overshoot: down, but past the floor")
    effect = np.where(np.abs(loss[steps + 1] - loss[steps]) <= TELLING * np.abs(loss[steps]), -1, effect)
    kinds = np.unique(effect[effect >= 0])
    if len(kinds) == 0:
        return None
    right = int(draw.choice(kinds))
    at = int(draw.choice(steps[effect == right]))
    before = ", ".join(number(v) for v in loss[at - SEEN + 1 : at + 1])
    text = (
        f"The loss before steps {count(at - SEEN + 2)} to {count(at + 1)} was {before}. What will step {count(at + 1)} "
        "do to it?"
    )
    how = {0: "down", 1: "up", 2: "down, but past the floor of the valley: the slope along the step turned round"}
    shown = f"Step {count(at + 1)} took the loss from {number(loss[at], 6)} to {number(loss[at + 1], 6)}: {how[right]}."
    return Question("next step", text, choices, right, shown, sparkline(loss[: at + 1]))


def next_stretch(run: Any, draw: np.random.Generator) -> Question | None:
    """Lower, higher or about the same? Asked of means over many steps, where single batches are luck."""
    loss = _losses(run)
    block = len(loss) // BLOCKS
    if _full(run) or block < 2:
        return None
    parts = loss[: block * BLOCKS].reshape(BLOCKS, block)
    means = parts.mean(axis=1)
    change = np.diff(means) / np.maximum(np.abs(means[:-1]), 1e-300)
    luck = LUCK * (parts[:-1].var(axis=1) + parts[1:].var(axis=1)) ** 0.5 / block**0.5 / np.abs(means[:-1])
    effect = np.where(np.abs(change) <= np.maximum(luck, ALIKE), 2, (change > 0).astype(int))
    right = int(draw.choice(np.unique(effect)))
    at = int(draw.choice(np.flatnonzero(effect == right)))
    within = max(float(luck[at]), ALIKE)
    choices = ("lower", "higher", f"about the same (within {number(100 * within, 2)}%)")
    text = (
        f"Over the {count(block)} steps up to step {count((at + 1) * block)} the mean loss was {number(means[at])}. "
        f"What will it be over the next {count(block)}?"
    )
    effect_words = choices[right].partition(" (")[0]
    shown = f"It was {number(means[at + 1])}, {effect_words}: it changed by {number(100 * change[at], 3)}%."
    return Question("next stretch", text, choices, right, shown, sparkline(loss[: (at + 1) * block]))


def level(run: Any, draw: np.random.Generator) -> Question | None:
    """Roughly what will the loss be?"""
    loss = _losses(run)
    if len(loss) < BLOCKS or loss.min() <= 0:
        return None
    some = 1 if _full(run) else max(1, len(loss) // BLOCKS)
    at = int(draw.integers(some, max(len(loss) // 2, some + 1)))
    now, then = float(loss[at - some : at].mean()), float(loss[-some:].mean())
    right = int(draw.integers(0, 3))
    apart = float(draw.choice(APART))
    values = [then * apart ** (place - right) for place in range(3)]
    over = f" (a mean over {count(some)} steps)" if some > 1 else ""
    text = (
        f"At step {count(at)} the loss is {number(now)}{over}. Roughly what will it be at the last step, "
        f"{count(len(loss))}?"
    )
    shown = f"It was {number(then)}{over}, {number(then / now, 3)} times what it was at step {count(at)}."
    choices = tuple(number(value, 3) for value in values)
    return Question("level", text, choices, right, shown, sparkline(loss[:at])) if len(set(choices)) == 3 else None


def new_weight(run: Any, draw: np.random.Generator) -> Question | None:
    """What is w_new? From a step of the plain rule."""
    path = _parameters(run)
    if path is None or len(path) < 2 or "rate" not in run.trace.columns:
        return None
    at = int(draw.integers(1, min(len(path), 50)))  # early, where steps are large enough to be seen
    weight = int(np.argmax(np.abs(path[at] - path[at - 1])))
    old, new, rate = float(path[at - 1, weight]), float(path[at, weight]), float(run.trace["rate"][at])
    if not np.isfinite([old, new, rate]).all() or rate <= 0:
        return None
    gradient = (old - new) / rate
    values = [new, old + rate * gradient, old - gradient]
    order = draw.permutation(3)
    choices = tuple(number(values[place]) for place in order)
    if len(set(choices)) < 3:
        return None
    text = (
        f"Before step {count(at + 1)} {run.parameter_names[weight]} is {number(old)}, its partial derivative is "
        f"{number(gradient)}, and the rate is {number(rate)}. What will the weight be after the step?"
    )
    shown = f"w_new = w_old - rate * gradient = {number(old)} - {number(rate)} * ({number(gradient)}) = {number(new)}."
    return Question("new weight", text, choices, int(np.flatnonzero(order == 0)[0]), shown)


def held_out(run: Any, draw: np.random.Generator) -> Question | None:
    """Is the loss on rows held out higher than on the training rows?"""
    train = (run.metrics.get("train") or {}).get("loss")
    part = next((p for p in ("test", "validation") if run.metrics.get(p)), None)
    there = run.metrics[part]["loss"] if part else None
    if train is None or there is None or not np.isfinite([train, there]).all():
        return None
    change = (there - train) / max(abs(train), 1e-300)
    right = 1 if abs(change) <= HELD_ALIKE else 2 * int(change > 0)
    text = (
        f"The model kept has a loss of {number(train)} on the training rows. What is it on the {part} rows, which no "
        "step saw?"
    )
    shown = f"It is {number(there)}: it differs by {number(100 * change, 3)}%."
    return Question("held out", text, ("lower", "about the same (within 5%)", "higher"), right, shown)
