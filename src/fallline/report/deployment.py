"""Step 4: how good the predictions are on rows never seen, and how to make more of them."""

from __future__ import annotations

import shlex

from fallline.figures import draw_confusion, draw_predicted
from fallline.figures.axes import is_finite
from fallline.numbers import count, number
from fallline.report.figure import figure
from fallline.report.html import paragraphs, table, text
from fallline.report.reported import Reported
from fallline.report.words import explained, measured, sentence, short

PARTS = ("train", "validation", "test")


def deployment_section(run: Reported) -> str:
    """The final measures beside the loss, predicted against actual, and the command that predicts."""
    return _measures(run) + _predictions(run) + _how_to_predict(run)


def _measures(run: Reported) -> str:
    parts = [part for part in PARTS if run.metrics.get(part)]
    if not parts:
        return paragraphs(["Nothing was measured."])
    names = list(dict.fromkeys(name for part in parts for name in run.metrics[part] if name != "loss"))
    names = [name for name in names if any(is_finite(run.metrics[part].get(name)) for part in parts)] or names
    names.sort(key=lambda name: name != run.metric)
    sizes = run.data.get("rows", {})
    rows = [
        (
            part,
            count(sizes[part]) if part in sizes else "",
            number(run.metrics[part].get("loss")),
            *(measured(name, run.metrics[part].get(name)) for name in names),
        )
        for part in parts
    ]
    heads = ("rows", "how many", "loss", *(short(name) for name in names))
    groups = [
        ("", 2),
        ("Minimised", 1),
        ("Final measures" if len(names) > 1 else "Final measure", len(names)),
    ]
    groups = groups if names else groups[:2]
    target = run.data["target"]["name"]
    said = [sentence(f"{short(name)}: {explained(name, target)}") for name in names]
    judged = measured(run.metric, run.metrics[parts[-1]].get(run.metric))
    lead = f"On the {parts[-1]} rows the final measure, {short(run.metric)}, is {judged}."
    listed = table("The loss, and the final measures", heads, rows, numbers=range(1, len(heads)), groups=groups)
    return paragraphs([lead]) + listed + f'<p class="small">{text(" ".join(said))}</p>'


def _predictions(run: Reported) -> str:
    frame, target = run.predictions, run.data["target"]
    if frame is None or frame.is_empty():
        return ""
    parts = frame["part"].unique().sort().to_list() if "part" in frame.columns else []
    rows = f"Shown are {count(frame.height)} {' and '.join(map(str, parts)) or 'held-out'} rows, which no step saw"
    if target.get("task") == "classes":
        said = f"{rows}. The diagonal is what was predicted right; the shade is the share of the actual class."
        return figure(draw_confusion(frame, target.get("classes")), said, narrow=True)
    said = f"{rows}. Above the dashed line the prediction is too high, below it too low."
    return figure(draw_predicted(frame, target["name"]), said, narrow=True)


def _how_to_predict(run: Reported) -> str:
    command = f"fallline predict {shlex.quote(run.name)} new_rows.csv"
    return (
        "<h3>Predict new rows</h3><p>The model is kept in the run's folder. New rows go through the same preparation, "
        f"and predictions come back in the target's own terms:</p><pre><code>{text(command)}</code></pre>"
    )
