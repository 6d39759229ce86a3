"""Step 1: what was asked."""

from __future__ import annotations

from fallline.numbers import count
from fallline.report.html import text
from fallline.report.reported import Reported
from fallline.report.words import explained, number, short


def problem_section(run: Reported) -> str:
    """What is to be predicted from what, what training minimises and how the result is judged."""
    target = run.data["target"]
    name, features = target["name"], run.data.get("features", [])
    inputs = max(len(run.data.get("columns", [])), 0)
    source = run.data.get("source", {}).get("name")
    table = f" of <b>{text(source)}</b>" if source else ""
    columns = f"{count(inputs)} columns{table}" if inputs else f"{count(len(features))} features{table}"
    return (
        f"<p>Predict <b>{text(name)}</b>, {text(_kind(target))}, from {columns}.</p>"
        f"<p>Training minimises the <b>{text(run.settings.get('loss'))} loss</b>. The result is judged by another "
        f"number, the final measure: <b>{text(short(run.metric))}</b>, {text(explained(run.metric, name))}. "
        "The two are kept apart in this report: a lower loss need not mean a better final measure.</p>"
    )


def _kind(target: dict) -> str:
    classes = target.get("classes") or []
    if target.get("task") == "classes":
        shown = ", ".join(map(str, classes[:6])) + (", …" if len(classes) > 6 else "")
        return f"one of {count(len(classes))} classes ({shown})"
    mean, scale = target.get("mean"), target.get("scale")
    if mean is None or scale is None:
        return "a number"
    return f"a number (mean {number(mean)}, standard deviation {number(scale)})"
