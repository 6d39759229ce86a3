"""Step 2, the data: what was inferred of the table, what was changed, and what was left out."""

from __future__ import annotations

from fallline.explain.topic import Define, Topic, either, stated
from fallline.measurement import Figures
from fallline.numbers import count, number

SHOWN = 4  # columns that are named in a sentence
STEP, BRANCH = "data", "the table"


def plural(n: int, one: str, many: str | None = None) -> str:
    """1 column, 3 columns."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def listed(names: list[str]) -> str:
    """a, b and c; the first few of many."""
    if len(names) > SHOWN:
        return f"{', '.join(names[:SHOWN])} and {count(len(names) - SHOWN)} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _kinds(f: Figures) -> str:
    kinds = (("numbers", "number"), ("dates", "date"), ("categories", "category"))
    many = {"number": "numbers", "date": "dates", "category": "categories"}
    parts = [plural(f[name], one, many[one]) for name, one in kinds if f[name]]
    parts += [f"{count(len(f['ignored']))} left aside"] if f["ignored"] else []
    return f"Beside the target the table has {plural(f['columns'], 'column')}: {listed(parts)}."


def _taken(f: Figures) -> str:
    odd = [f"{name} as {kind} ({why})" for name, kind, why in f["kinds"] if kind in ("category", "date")]
    return f"Not plain numbers: {listed(odd)}." if odd else ""


INFERRED = Topic(
    "inferred",
    STEP,
    BRANCH,
    "What was inferred about the table?",
    (
        stated("kinds", ("kinds", "columns"), lambda f: _kinds(f) if f["columns"] else ""),
        stated("taken-as", ("kinds",), _taken),
        either(
            "nobody-said",
            ("kinds",),
            lambda f: not any(why.startswith("as you said") for _, _, why in f["kinds"]),
            lambda f: "All kinds were found out from the values; --type says it where one is wrong.",
            lambda f: (
                f"The kind was given by you for "
                f"{listed([n for n, _, why in f['kinds'] if why.startswith('as you said')])}."
            ),
        ),
    ),
)


def _scaled(f: Figures) -> str:
    name, mean, scale = f["scaled_example"]
    return (
        f"{plural(f['scaled'], 'column of numbers was', 'columns of numbers were')} standardised, so that one "
        f"rate suits all weights; {name}, for one, became ({name} - {number(mean)}) / {number(scale)}.".replace(
            "- −", "+ "
        )
    )


CHANGED = Topic(
    "changed",
    STEP,
    BRANCH,
    "What was changed in the data?",
    (
        either(
            "standardised",
            ("scaled",),
            lambda f: f["scaled"] > 0,
            _scaled,
            lambda f: "No column was standardised: each is taken in its own units.",
        ),
        either(
            "no-gaps",
            ("gaps",),
            lambda f: not f["gaps"],
            lambda f: "No column that is used lacks a value in any row.",
            lambda f: (
                f"Values are missing in {listed([f'{n} ({count(k)} rows)' for n, k, _ in f['gaps']])}. In numbers the "
                "median of the training rows takes their place; where training rows lack some, a feature marks them."
            ),
        ),
        stated(
            "categories",
            ("categories", "levels"),
            lambda f: (
                f"{plural(f['categories'], 'category', 'categories')} became a feature for each common value "
                f"({count(f['levels'])} values in all): 1 where a row has it, else 0."
                if f["categories"]
                else ""
            ),
        ),
        either(
            "target-as-it-is",
            ("task", "target_scale"),
            lambda f: not f["target_scaled"],
            lambda f: "The target is trained on as it is.",
            lambda f: (
                f"The target is brought to a small scale too: {f['target']} is divided by {number(f['target_scale'])}"
                + (f" after {number(f['target_mean'])} is taken off" if f["target_mean"] else "")
                + ", so that losses are not in its units; predictions are brought back."
            ),
        ),
    ),
)

LEFT_OUT = Topic(
    "left-out",
    STEP,
    BRANCH,
    "What was left out?",
    (
        either(
            "no-row-dropped",
            ("rows_read", "rows_dropped"),
            lambda f: f["rows_dropped"] == 0,
            lambda f: f"No row: all {count(f['rows_read'])} rows have a target.",
            lambda f: f"{count(f['rows_dropped'])} of {count(f['rows_read'])} rows were left out: they have no target.",
        ),
        either(
            "no-column-ignored",
            ("ignored",),
            lambda f: not f["ignored"],
            lambda f: "No column was left out.",
            lambda f: (
                f"{plural(len(f['ignored']), 'column was', 'columns were')} left out: "
                f"{listed([f'{name} ({why})' for name, why in f['ignored']])}."
            ),
        ),
        Define("validation rows"),
        Define("test rows"),
        stated("split", ("split",), lambda f: f"The rows were parted so: {f['split']}."),
    ),
)


TOPICS = (INFERRED, CHANGED, LEFT_OUT)
