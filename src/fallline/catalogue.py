"""All instruments: what each measures and how it can be asked. No JAX here: help and old evidence are read without."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from fallline.errors import SettingsError, unknown


@dataclass(frozen=True)
class Option:
    """One option of an instrument. A default of None leaves the choice to the instrument."""

    name: str
    help: str
    default: Any = None
    kind: type = str


@dataclass(frozen=True)
class Instrument:
    """name: as it is asked for. asks: the question that it answers. options: how it can be asked."""

    name: str
    asks: str
    options: tuple[Option, ...] = ()

    @property
    def module(self) -> str:
        """The name of its file among the instruments, figures and told sentences."""
        return self.name.replace("-", "_")


STEP = Option("step", "The step after which the weights are taken; else those that were kept.", kind=int)
WEIGHT = Option("weight", "A parameter by name, such as weights[median_income]; else the one that moved furthest.")
ROW = Option("row", "A row of the table, counted from 1, that is spelled out first where the update sees it.", kind=int)
SEED = Option("seed", "Of what is drawn at random.", 0, int)
SEEDS = Option("seeds", "How often each training is done, with other random starts and batches.", 3, int)
STEPS = Option("steps", "Updates of each training; else as many as the run made, up to a bound.", kind=int)

INSTRUMENTS = {
    each.name: each
    for each in (
        Instrument(
            "step",
            "What does one update do, in numbers that re-add?",
            (Option("step", "Which update, counted from 1; else the first.", 1, int), WEIGHT, ROW),
        ),
        Instrument("now", "What is happening at a step?", (STEP,)),
        Instrument("slice", "How does the loss change with one weight?", (WEIGHT, STEP)),
        Instrument(
            "surface",
            "What does the loss look like over two weights, or over the plane of the path?",
            (
                Option("over", "path (the plane that holds most of the path), weights, or random.", "path"),
                Option("weights", "Two parameters by name, with a semicolon between; else those that moved furthest."),
                Option("points", "Along each side of the grid.", 41, int),
                STEP,
                SEED,
            ),
        ),
        Instrument(
            "gradient-check",
            "Does the chain rule agree with finite differences, and which h is best?",
            (Option("step", "The step after which the weights are taken; else the random start.", 0, int), SEED),
        ),
        Instrument(
            "directions",
            "Is anything steeper than the gradient, and does its opposite point to the minimum?",
            (
                Option("step", "The step after which the weights are taken; else the random start.", 0, int),
                Option("count", "Random directions of the same length.", 1000, int),
                SEED,
            ),
        ),
        Instrument("gradients", "How do the gradient's values change on the way down?"),
        Instrument("noise", "How much do the gradients of single rows differ, and which batch size pays?", (STEP,)),
        Instrument("curvature", "How curved is the loss, and which rate is the largest stable one?", (STEP,)),
        Instrument("rate-range", "Which learning rates are good?", (STEPS, SEEDS)),
        Instrument(
            "compare",
            "What does one change do, from the same start?",
            (
                Option("vary", "One setting and its values: batch=full,32,1 or rate=0.01,0.1; semicolons in values."),
                Option(
                    "rates", "found: other rules and models have rates of their own; own: all have this one.", "found"
                ),
                STEPS,
                Option("seeds", "How often each training is done, with other random starts and batches.", 1, int),
            ),
        ),
        Instrument("capacity", "Is the model able to hold the answer?", (STEPS, SEED)),
        Instrument("fit", "Did it memorise or learn?", (SEED,)),
        Instrument("layers", "What happens in each layer?"),
        Instrument("predictions", "What does the model answer, over the data?", (STEP,)),
        Instrument("checkup", "What does a diagnosis look at, beside the trace?"),
    )
}


def instrument(name: str) -> Instrument:
    """The instrument of that name. Raises SettingsError."""
    if name not in INSTRUMENTS:
        raise SettingsError(unknown("instrument", name, list(INSTRUMENTS)))
    return INSTRUMENTS[name]


def asked(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options that differ from their defaults. Raises SettingsError for one that the instrument does not have."""
    known = {option.name: option.default for option in instrument(name).options}
    for option in options:
        if option not in known:
            raise SettingsError(unknown(f"option of {name}", option, list(known)))
    return {option: value for option, value in options.items() if value is not None and value != known[option]}


def command(run: str, name: str, options: dict[str, Any]) -> str:
    """The command that measures it again.

    >>> command("last", "slice", {"step": 40})
    'fallline slice last --step 40'
    """
    given = " ".join(f"--{option} {shlex.quote(str(value))}" for option, value in sorted(asked(name, options).items()))
    return f"fallline {name} {run} {given}".rstrip()
