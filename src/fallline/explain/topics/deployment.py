"""Step 4, deployment: how good the model is, how to use it, where not to trust it, and when to train it again."""

from __future__ import annotations

from fallline.explain.topic import Ask, Define, Topic, claim, stated
from fallline.measurement import Figures
from fallline.numbers import count, number
from fallline.words import measure

STEP, BRANCH = "deployment", "in use"
SHOWN = 4  # columns that are named
FAR = 0.1  # relative change of the measure that is more than a matter of a few rows


def _value(metric: str, value: float) -> str:
    """A measure's value without its name."""
    return measure(metric, value).rpartition(" ")[2]


def _good(f: Figures) -> str:
    said = f"On the {count(f['part_rows'])} {f['part_words']}: {measure(f['metric'], f['metric_value'])}"
    if f["metric_train"] is not None and f["part"] != "train":
        said += f" (on the training rows {_value(f['metric'], f['metric_train'])})"
    return said + "."


HOW_GOOD = Topic(
    "how-good",
    STEP,
    BRANCH,
    "How good are its predictions on new rows?",
    (
        stated("good", ("metric_value", "part_words", "part_rows"), _good),
        Ask("fit", ("measure-apart",)),
        Define("metric"),
        Define("test rows"),
    ),
)

HOW_TO_USE = Topic(
    "how-to-use",
    STEP,
    BRANCH,
    "How is the model used?",
    (
        claim(
            "can-predict",
            ("run", "finished"),
            lambda f: f["finished"],
            lambda f: (
                f"fallline predict {f['run']} NEW_ROWS.csv reads new rows, does to them what was done to the training "
                f"rows, and writes the predictions of {f['target']} in its own terms."
            ),
            lambda f: "There is no model to use: the training has not ended, or was killed.",
        ),
        stated(
            "in-python",
            ("path",),
            lambda f: f'In Python: fallline.open_run("{f["path"]}").predict(table).' if f["finished"] else "",
        ),
        stated(
            "columns-needed",
            ("inputs",),
            lambda f: f"New rows need the columns {_named([n for n, kind, _ in f['kinds'] if kind != 'ignore'])}.",
        ),
    ),
)


def _named(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {count(len(names) - 12)} more" if len(names) > 12 else "")


def _ranges(f: Figures) -> str:
    some = [f"{name} from {number(low)} to {number(high)}" for name, low, high in f["ranges"][:SHOWN]]
    more = f"; and so for {count(len(f['ranges']) - SHOWN)} more" if len(f["ranges"]) > SHOWN else ""
    if f["exact_ranges"]:
        return f"Do not trust it outside the range that it was trained on: {'; '.join(some)}{more}."
    return (
        f"Trust it less the further a row lies from those that it was trained on, of which at least 3 in 4 have "
        f"{'; '.join(some)}{more} (two scales on either side of the mean)."
    )


def _levels(f: Figures) -> str:
    name, _, other = f["level_names"][0]
    become = "counts as other" if other else "becomes a 0 in all features of its column"
    return f"A new value of {name}, one that stands in no training row, {become}: the model knows nothing of it."


TRUST = Topic(
    "not-to-be-trusted",
    STEP,
    BRANCH,
    "On what inputs must it not be trusted?",
    (
        stated("ranges", ("ranges", "exact_ranges"), lambda f: _ranges(f) if f["ranges"] else ""),
        stated("unknown-values", ("level_names",), lambda f: _levels(f) if f["level_names"] else ""),
        claim(
            "worth-using",
            ("end_loss", "trivial_loss", "state"),
            lambda f: f["end_loss"] < f["trivial_loss"] and f["state"] != "diverged",
            lambda f: (
                f"On the whole it is better than a trivial answer (a loss of {number(f['end_loss'])} against "
                f"{number(f['trivial_loss'])} on the training rows), which says nothing of any single row."
            ),
            lambda f: (
                "It should not be used at all: "
                + (
                    "its training diverged."
                    if f["state"] == "diverged"
                    else f"its loss on the training rows is {number(f['end_loss'])}, and {f['trivial']} has "
                    f"{number(f['trivial_loss'])}."
                )
            ),
        ),
    ),
)


def _useful(f: Figures) -> bool:
    return f["metric_value"] > 0 and f["state"] not in ("diverged", "worse than trivial")


def _again(f: Figures) -> str:
    value = f["metric_value"]
    worse = value * (1 + FAR) if f["metric_better"] == "lower" else value * (1 - FAR)
    way = "above" if f["metric_better"] == "lower" else "below"
    return (
        f"Measure it now and then on new rows whose {f['target']} has become known: {measure(f['metric'], value)} is "
        f"what it had here; once it lies lastingly {way} {_value(f['metric'], worse)}, a tenth worse, train again."
    )


RETRAIN = Topic(
    "when-to-retrain",
    STEP,
    BRANCH,
    "When should it be trained again?",
    (
        stated("measure-again", ("metric_value", "metric_better"), lambda f: _again(f) if _useful(f) else ""),
        stated(
            "drift",
            ("features",),
            lambda f: (
                "Train again also when new rows look different from those that it was trained on, when columns change "
                "their meaning or their unit, or when there are many more rows to learn from."
            ),
        ),
        claim(
            "done-learning",
            ("state",),
            lambda f: f["state"] == "converged",
            lambda f: "More training on the same rows would gain little: this run converged.",
            lambda f: f"This run's verdict is {f['state']}, so that it is worth training again at once. {f['next']}",
        ),
    ),
)

TOPICS = (HOW_GOOD, HOW_TO_USE, TRUST, RETRAIN)
