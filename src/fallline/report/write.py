"""Writes the report of a run: one HTML file that opens offline, on a page that may load nothing from anywhere."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

from fallline.report.bundle import charts_bundle
from fallline.report.data import data_section
from fallline.report.deployment import deployment_section
from fallline.report.html import text
from fallline.report.model import model_section
from fallline.report.problem import problem_section
from fallline.report.reported import Reported
from fallline.report.verdict import verdict_section
from fallline.report.words import headline
from fallline.trace.folder import write_whole


def write_report(run: Reported, path: str | Path) -> Path:
    """Write the report to `path`, whole or not at all, and return where it is. Raises StorageError."""
    path = Path(path)
    page = report_page(run)
    write_whole(path, lambda beside: beside.write_text(page, encoding="utf-8"))
    return path


def report_page(run: Reported) -> str:
    """The report as one HTML page."""
    template = Template(files("fallline.report").joinpath("page.html").read_text("utf-8"))
    target = run.data["target"]["name"]
    return template.substitute(
        title=text(f"{target}: {headline(run.verdict.state).lower()}"),
        run=text(run.name),
        target=text(target),
        verdict=verdict_section(run),
        problem=problem_section(run),
        data=data_section(run),
        model=model_section(run),
        deployment=deployment_section(run),
        bundle=charts_bundle(),
    )
