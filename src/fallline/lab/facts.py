"""The figures of the moment, each as a value and as a person reads it; and the words on what is happening."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fallline import words
from fallline.claim import Sentence, tell
from fallline.instruments.now import whole_at
from fallline.lab.origins import origins
from fallline.lab.walker import Walker
from fallline.measurement import Figures
from fallline.numbers import count, number
from fallline.told.now import CLAIMS, state
from fallline.told.re_add import apart_of

Facts = dict[str, dict[str, Any]]  # name -> said, value, how it comes about


def facts(walker: Walker, ahead: Figures, m: Figures) -> Facts:
    """What is known at the cursor.

    Args:
        ahead: the figures of `instruments.now.look_ahead`; {} while they are not measured.
        m: the figures of the instrument `step` for the update that comes next.
    """
    step, ready, batches = walker.step, walker.ready, walker.ready.walk.batches
    row = walker.training.trace.row(step, named=True)  # of the next update, which sees the loss at the cursor
    rows = int(batches.rows_seen(np.array(step)))
    found, ways = Facts(), origins(walker, ahead, m)

    def fact(name: str, value: Any, said: str) -> None:
        finite = value if not isinstance(value, float) or math.isfinite(value) else None
        found[name] = {"said": said, "value": finite, "how": ways[name]}

    of = "" if batches.full else f" of the next batch ({count(batches.size)} {'row' if batches.size == 1 else 'rows'})"
    fact("step", step, f"{count(step)} {'update' if step == 1 else 'updates'} made")
    fact("epoch", rows / batches.rows, f"epoch {number(rows / batches.rows)}")
    fact("rows_seen", rows, f"{count(rows)} rows seen")
    fact("loss", row["loss"], f"loss{of} {number(row['loss'], 5)}")
    if row["objective"] != row["loss"]:
        fact("objective", row["objective"], f"objective{of} {number(row['objective'], 5)}")
    fact("rate", row["rate"], f"rate {number(row['rate'])}")
    if ahead.get("stable_rate") is not None:
        limit = f"largest stable rate here about {number(ahead['stable_rate'], 3)}"
        fact("stable_rate", ahead["stable_rate"], limit)
    fact("gradient_norm", row["gradient_norm"], f"gradient's length {number(row['gradient_norm'])}")
    fact("update_norm", row["update_norm"], f"next update's length {number(row['update_norm'])}")
    looks = walker.evaluations.filter(walker.evaluations["step"] <= step)
    if looks.height:
        look = looks.row(-1, named=True)
        then = "" if look["step"] == step else f" (at step {count(look['step'])})"
        fact("validation_loss", look["validation_loss"], f"validation loss {number(look['validation_loss'], 5)}{then}")
        if math.isfinite(look["validation_metric"]):
            measure = words.measure(walker.prepared.metric, look["validation_metric"])
            fact("metric", look["validation_metric"], f"{measure} on the validation rows{then}")
    if ready.exact is not None:
        fact("exact", ready.exact.loss, f"the exact answer's loss is {number(ready.exact.loss, 5)}")
    if walker.prepared.trivial is not None:
        said = f"{walker.prepared.trivially} has a loss of {number(walker.prepared.trivial, 5)}"
        fact("trivial", walker.prepared.trivial, said)
    return found


def spoken_of(walker: Walker) -> str:
    """What a step did to the loss, in the fewest words: of all training rows where that is known; "" at the start."""
    if walker.step < 1:
        return ""
    trace, full = walker.training.trace, walker.ready.walk.batches.full
    whole = None if full else whole_at(walker.training, (walker.step, walker.step - 1))
    if not full and whole is None:
        return f"Step {count(walker.step)}: loss of the next batch {number(trace['loss'][walker.step])}."
    name = "loss" if trace["objective"][walker.step] == trace["loss"][walker.step] else "objective"
    name = name if full else f"{name} over all training rows"
    now, before = whole or (trace["objective"][walker.step], trace["objective"][walker.step - 1])
    after, was, apart = apart_of(now, before)
    return f"Step {count(walker.step)}: {name} {after}, {'as before' if apart == '0' else f'was {was}'}."


MOODS = {"diverging": "bad", "rising": "bad", "falling": "good", "arrived": "good"}  # of a state; else open
SAID = {
    "start": ("rate-is-stable",),
    "diverging": ("rate-is-stable", "going-down"),
    "early": ("last-update",),
    "rising": ("going-down", "crosses-the-valley"),
    "arrived": ("at-the-minimum",),
    "flat": ("at-the-minimum",),
    "hovering": ("going-down", "at-the-minimum"),
    "creeping": ("rate-moves", "going-down"),
    "crossing": ("going-down", "crosses-the-valley"),
    "falling": ("going-down", "crosses-the-valley"),
}


def happening(figures: Figures) -> list[dict[str, str]]:
    """One or two sentences on what is happening now, each with its mood: good, open or bad."""
    claims, now = {claim.name: claim for claim in CLAIMS}, state(figures)
    said: list[Sentence] = [each for name in SAID[now] for each in tell([claims[name]], figures)]
    told = [{"text": each.text, "mood": _mood(now, each)} for each in said]
    if now == "start":
        told.insert(0, {"text": "No update is made yet: the first one is spelled out here.", "mood": "open"})
    return told[:2]


def _mood(now: str, said: Sentence) -> str:
    if said.claim == "rate-is-stable":
        return "open" if said.holds else "bad"
    return MOODS.get(now, "open")
