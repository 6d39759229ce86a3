"""The questions on rates: which of three made this, by trials that were kept with the run."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from fallline.explain.pictures import sparkline
from fallline.explain.question import Question
from fallline.explain.recorded import column
from fallline.explain.topics import costs
from fallline.numbers import number


def which_rate(run: Any, draw: np.random.Generator) -> Question | None:
    """Which of three rates ended a trial so? By the trials that an automatic rate was chosen from."""
    tried = run.rates
    if tried is None or tried.height < 3 or "chosen" not in tried.columns or not tried["chosen"].any():
        return None
    tried = tried.sort("rate")
    rates, losses = column(tried, "rate"), column(tried, "loss")
    best = int(np.flatnonzero(tried["chosen"].to_numpy())[0])
    places = [best // 2, best, (best + len(rates)) // 2]
    outcomes = [number(losses[p]) if np.isfinite(losses[p]) else "it diverged" for p in places]
    if len(set(places)) < 3 or len(set(outcomes)) < 3:
        return None
    right = int(draw.integers(0, 3))
    ended = f"ended at a loss of {outcomes[right]}" if np.isfinite(losses[places[right]]) else "diverged"
    named = [number(rates[p], 3) for p in places]
    text = f"Of three short trials with rates {', '.join(named)}, which one {ended}?"
    said = [f"{name}: {'a loss of ' if o[0].isdigit() else ''}{o}" for name, o in zip(named, outcomes, strict=True)]
    return Question("which rate", text, tuple(named), right, f"How they ended: {'; '.join(said)}.")


def which_curve(run: Any, draw: np.random.Generator) -> Question | None:
    """Which of three rates made this curve? By the trainings of the explanation of rates, where they were made."""
    if not isinstance(run.settings["rate"], float | int):
        return None
    facts = {
        "rate": run.settings["rate"],
        "rule": run.settings["rule"].partition(":")[0],
        "steps": run.trace.height,
        "batch": run.data["rows"]["train"] if run.settings["batch"] == "full" else run.settings["batch"],
        "parameters": run.settings.get("parameters"),
    }
    found = run.measured("compare", **costs.rates_and_memory(facts))
    if found is None or not {"trial", "seed", "step", "loss"} <= set(found.frame.columns):
        return None
    plain = found.frame.filter(pl.col("seed") == found.frame["seed"].min())
    names = [n for n in plain["trial"].unique(maintain_order=True) if n.endswith(("rule=plain", "rule=adam:0.9,0.999"))]
    curves = [plain.filter(pl.col("trial") == name).sort("step") for name in names]
    if len(curves) != 3:
        return None
    right = int(draw.integers(0, 3))
    choices = tuple(name.split(",")[0] for name in names)
    ends = [column(curve, "loss")[-1] for curve in curves]
    steps, own = curves[0]["step"].max(), column(curves[right], "loss")
    text = f"Three trainings of {steps} steps differ in their rate alone. Which rate made this curve?"
    said = "; ".join(
        f"{choice} ended at {number(end) if np.isfinite(end) else 'no finite loss'}"
        for choice, end in zip(choices, ends, strict=True)
    )
    shown = f"{choices[right]} made it, from {number(own[0])} on. {said[:1].upper()}{said[1:]}."
    return Question("which curve", text, choices, right, shown, sparkline(own))
