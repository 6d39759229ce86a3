"""Step 3, by far the largest: how the model was trained and what every step showed."""

from __future__ import annotations

import polars as pl

from fallline.figures import draw_gradient, draw_loss, draw_measure, draw_rate, draw_rates
from fallline.figures.axes import is_finite
from fallline.figures.measured import draw_measurement
from fallline.figures.recorded import NOISY, broken_from
from fallline.numbers import count, number, share
from fallline.report.evidence import Evidence
from fallline.report.figure import figure
from fallline.report.html import facts, folded, paragraphs
from fallline.report.reported import Reported
from fallline.report.words import short, training_words, value_words

_CURVE = (
    "The grey curve is the loss when only this weight is changed and all others stay where training ended; its slope "
    "is the partial derivative. "
)
_PATH = (
    "The points are where training went, with the loss that the model had there: a point off the curve shows what the "
    "other weights, which were still moving, made of it."
)


def model_section(run: Reported, explained: str, evidence: Evidence) -> str:
    """Settings, loss, gradient norm, learning rate, the trials that chose it, and the explanations of the model.

    Where there are explanations, which hold the figures that they need, the less telling ones are folded away.
    """
    asked = facts((name.replace("_", " "), value_words(value)) for name, value in run.settings.items())
    parts = [paragraphs([training_words(run.settings)]), folded("Every setting", asked)]
    if run.trace.is_empty():
        return "".join([*parts, paragraphs(["No step was recorded."]), explained])
    more = _slice(run, evidence) + _rates(run) + _measure(run)
    parts += [_loss(run), _exact(run), _gradient(run), _rate(run)]
    parts += [folded("More of what was recorded", more), explained] if explained else [more]
    return "".join(parts)


def _loss(run: Reported) -> str:
    exact, trivial = (run.exact or {}).get("loss"), run.start.get("trivial_loss")
    chart = draw_loss(run.trace, run.evaluations, exact=exact, trivial=trivial)
    full = run.trace["epoch"][0] >= 1
    said = ["Each step saw all training rows." if full else "Each step saw one batch, so its loss is noisy."]
    if not full and run.trace.height >= NOISY:
        said.append(
            "The pale line is single batches, of which the highest and lowest are kept; the strong line is their mean."
        )
    if not run.evaluations.is_empty():
        said.append("The validation loss is taken on rows that no step saw: where it rises while the other falls, ")
        said[-1] += "the model learns its training rows by heart."
    broken = broken_from(run.trace, "loss")
    if broken is not None:
        said.append(f"From step {count(broken)} on the loss is not a finite number and can't be drawn.")
    return figure(chart, " ".join(said))


def _exact(run: Reported) -> str:
    if run.exact is None:
        return ""
    found = run.exact
    said = f"The exact answer has a loss of {number(found.get('loss'))} on the training rows"
    said += f" ({found['method']})." if found.get("method") else "."
    distance, weights = found.get("loss_distance"), found.get("weights_distance")
    if is_finite(distance):
        said += f" The weights kept have a loss {number(distance, 3)} higher"
        said += (
            f" and differ from the exact ones by {share(found['weights_distance'])} of their length."
            if is_finite(weights)
            else "."
        )
    return paragraphs([said])


def _slice(run: Reported, evidence: Evidence) -> str:
    found = run.measured("slice")
    if found is None or found.frame.is_empty() or evidence.tells(found):
        return ""
    curve = found.frame.filter((pl.col("kind") == "curve") & pl.col("loss").is_finite())
    said = "" if curve.is_empty() else _CURVE
    return figure(draw_measurement(found)[0], said + _PATH)


def _gradient(run: Reported) -> str:
    said = (
        "The gradient holds all partial derivatives of the loss; its norm is how steep the loss is. It nears 0 at a "
        "minimum when every step sees all rows; with batches it settles at their noise instead."
    )
    return figure(draw_gradient(run.trace), said)


def _rate(run: Reported) -> str:
    said = (
        "The learning rate scales each step: in plain gradient descent a step is the rate times the gradient, downhill."
    )
    return figure(draw_rate(run.trace), said)


def _rates(run: Reported) -> str:
    if run.rates is None or run.rates.is_empty():
        return ""
    said = (
        "Each point is a short training of its own with that rate. Too small a rate gets nowhere in the time, "
        "too large a one diverges; the useful ones lie between."
    )
    return figure(draw_rates(run.rates), said)


def _measure(run: Reported) -> str:
    seen = run.evaluations
    if "validation_metric" not in seen.columns or len(seen["validation_metric"].drop_nulls()) < 2:
        return ""
    said = (
        "This is the final measure, not the loss: no step was made to improve it. The picture shows whether it "
        "followed the loss."
    )
    return figure(draw_measure(seen, short(run.metric)), said)
