"""Writes the report of a run: one HTML file that opens offline, on a page that may load nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from fallline.diagnosis.diagnosis import Diagnosis
from fallline.explain.explanation import Chapter, Explanation
from fallline.report.bundle import charts_bundle
from fallline.report.data import data_section
from fallline.report.deployment import deployment_section
from fallline.report.evidence import Evidence
from fallline.report.figure import script_json
from fallline.report.html import paragraphs, text
from fallline.report.model import model_section
from fallline.report.problem import problem_section
from fallline.report.reported import Reported
from fallline.report.scrubber import how_thinned, recorded_values, scrubber
from fallline.report.story import story_section
from fallline.report.symptoms import diagnosis_section
from fallline.report.tree import tree
from fallline.report.verdict import verdict_section
from fallline.report.words import headline
from fallline.trace.folder import write_whole

FOLDS = (
    '<p class="tools"><button type="button" data-fold="open">Open every explanation</button>'
    '<button type="button" data-fold="shut">Fold all</button></p>'
)


def write_report(
    run: Reported,
    path: str | Path,
    *,
    explanations: Sequence[Explanation] = (),
    story: Sequence[Chapter] = (),
    diagnosis: Diagnosis | None = None,
) -> Path:
    """Write the report to `path`, whole or not at all, and return where it is. Raises StorageError."""
    path = Path(path)
    page = report_page(run, explanations=explanations, story=story, diagnosis=diagnosis)
    write_whole(path, lambda beside: beside.write_text(page, encoding="utf-8"))
    return path


def report_page(
    run: Reported,
    *,
    explanations: Sequence[Explanation] = (),
    story: Sequence[Chapter] = (),
    diagnosis: Diagnosis | None = None,
) -> str:
    """The report as one HTML page; what is not given is left out of it."""
    evidence = Evidence(explanations)
    trees = {step: tree(explanations, step, evidence) for step in ("problem", "data", "model", "deployment")}
    steps = [
        ("Problem", problem_section(run) + trees["problem"]),
        ("Data", data_section(run) + trees["data"]),
        ("Model", model_section(run, trees["model"], evidence)),
        ("Deployment", deployment_section(run) + trees["deployment"]),
    ]
    parts = [_part(title, inside, f"<small>{i}</small> ") for i, (title, inside) in enumerate(steps, 1)]
    extra = [("Story", story_section(story))] if story else []
    extra += [("Diagnosis", diagnosis_section(diagnosis))] if diagnosis is not None else []
    parts += [_part(title, inside) for title, inside in extra]
    names = [title for title, _ in steps + extra]
    script, bundle = _file("page.js"), f"(() => {{{charts_bundle()}\n}})();"
    return Template(_file("page.html")).substitute(
        title=text(f"{run.data['target']['name']}: {headline(run.verdict.state).lower()}"),
        run=text(run.name),
        target=text(run.data["target"]["name"]),
        hashes=f"{_hash(bundle)} {_hash(script)}",
        style=_file("page.css"),
        verdict=verdict_section(run),
        contents="".join(f'<li><a href="#{name.lower()}">{name}</a></li>' for name in names),
        scrubber=scrubber(run),
        parts=(FOLDS if explanations else "") + "".join(parts),
        footer=paragraphs([how_thinned(run), "Made by Fallline. This page loads nothing from anywhere."]),
        recorded=script_json(recorded_values(run)),
        bundle=bundle,
        script=script,
    )


def _part(title: str, inside: str, mark: str = "") -> str:
    """One part of the report, open at first."""
    name = title.lower()
    return (
        f'<section class="step" id="{name}" aria-labelledby="{name}-title"><details open>'
        f'<summary><h2 id="{name}-title">{mark}{title}</h2></summary>{inside}</details></section>'
    )


def _file(name: str) -> str:
    return files("fallline.report").joinpath(name).read_text("utf-8")


def _hash(script: str) -> str:
    """What the page's policy knows a script by: no other one may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
