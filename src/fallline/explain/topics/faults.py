"""Step 2, the data once more: what looks wrong with it."""

from __future__ import annotations

from fallline.explain.columns import MANY_GAPS
from fallline.explain.topic import Topic, claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share

STEP, BRANCH = "data", "the table"
SMALL = 10  # training rows for each parameter, below which the parameters can fit noise


def _worst_gap(f: Figures) -> float:
    return f["gaps"][0][2] if f["gaps"] else 0.0


LOOKS_WRONG = Topic(
    "looks-wrong",
    STEP,
    BRANCH,
    "What looks wrong with the data?",
    (
        claim(
            "few-gaps",
            ("gaps",),
            lambda f: _worst_gap(f) <= MANY_GAPS,
            lambda f: (
                f"Few values are missing: at worst {share(_worst_gap(f))} of a column ({f['gaps'][0][0]})."
                if f["gaps"]
                else "No value is missing in the columns that are used."
            ),
            lambda f: f"{f['gaps'][0][0]} lacks {share(_worst_gap(f))} of its values.",
        ),
        claim(
            "columns-independent",
            ("independent",),
            lambda f: f["independent"],
            lambda f: "No feature can be worked out from the others exactly: there is one best set of weights.",
            lambda f: (
                "Some features can be worked out from the others exactly, so that many sets of weights predict the "
                "same: single weights must not be read as what a column counts."
            ),
        ),
        claim(
            "scales-alike",
            ("scales",),
            lambda f: f["scaled"] > 0,
            lambda f: (
                f"The columns of numbers spread by {number(f['scales'][0])} to {number(f['scales'][1])} in their own "
                "units; standardising has made the spread of each the same."
            ),
            lambda f: (
                "The columns of numbers are not standardised: where their units differ much, no single rate suits all "
                "weights."
            ),
        ),
        claim(
            "enough-rows",
            ("rows_train", "parameters"),
            lambda f: f["rows_train"] >= SMALL * f["parameters"],
            lambda f: (
                f"There are {count(f['rows_train'])} training rows for {count(f['parameters'])} parameters, "
                f"{number(f['rows_train'] / f['parameters'], 2)} for each."
            ),
            lambda f: (
                f"There are only {count(f['rows_train'])} training rows for {count(f['parameters'])} parameters: the "
                "model can learn accidents of single rows."
            ),
        ),
    ),
)

TOPICS = (LOOKS_WRONG,)
