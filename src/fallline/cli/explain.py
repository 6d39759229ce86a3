"""`fallline explain RUN`: how the model learned, as a tree of questions with their answers; --open one, or --all."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.options import Json, RunName, Runs, Table, print_json
from fallline.cli.progress import measuring
from fallline.errors import SettingsError

if TYPE_CHECKING:
    from fallline.explain.explanation import Explanation
    from fallline.run import Run

WIDE = 110  # columns of text
TITLES = {"problem": "1 The problem", "data": "2 The data", "model": "3 The model", "deployment": "4 Deployment"}
STAR = "A sentence with a * tells what was measured where the usual does not hold in this run."


def explain(
    run: RunName,
    open: Annotated[str | None, typer.Option("--open", metavar="NAME", help="One explanation whole, by name.")] = None,
    all: Annotated[bool, typer.Option("--all", help="All explanations whole.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Measure nothing: tell what is known already.")] = False,
    table: Table = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Explain how a run's model learned: the four steps of a project, and on each the questions that it raises."""
    if open and all:
        raise SettingsError("--open and --all were both given.\n--open NAME shows one explanation, --all shows all.")
    from fallline.explain.tell import chosen, explanations
    from fallline.run import Run
    from fallline.trace.folder import find_run

    names = [open] if open else None
    chosen(names)  # an unknown name is told before anything is measured
    found = Run(find_run(run, runs), table)
    much = "nothing" if quick else "all" if open or all or json else "headlines"
    each = explanations(found, names, measuring=much, watch=measuring())
    try:
        if json:
            told = [explanation.to_json() for explanation in each]
            print_json(told[0] if open else told)
        elif open or all:
            for explanation in each:
                print("\n".join([*whole(explanation, found), ""]), flush=True)
        else:
            _tree(each, found.name)
    except KeyboardInterrupt:
        print("What was measured so far is kept with the run: the same command goes on from there.", file=sys.stderr)
        raise


def _tree(each: Iterable[Explanation], run: str) -> None:
    """All questions under their steps and branches, each printed as soon as its answer is known."""
    step = branch = ""
    print(f"{run}: how its model learned", flush=True)
    for explanation in each:
        if explanation.step != step:
            step, branch = explanation.step, ""
            print(f"\n{TITLES[step]}")
        if explanation.branch != branch:
            branch = explanation.branch
            print(f"  {branch}")
        print("\n".join(leaf(explanation)), flush=True)
    print(f"\n{STAR}\nEach has more to it, which is measured when it is opened:")
    print(f"fallline explain {run} --open NAME, or --all")


def leaf(explanation: Explanation) -> list[str]:
    """The name, the question, and the first sentence on this run."""
    from fallline.explain.tell import headline

    said = headline(explanation)
    star = any(s.text == said and s.otherwise for s in explanation.answer)
    return [
        f"    {explanation.name}: {explanation.question}",
        textwrap.fill(("* " if star else "") + said, WIDE, initial_indent="      ", subsequent_indent="      "),
    ]


def whole(explanation: Explanation, run: Run) -> list[str]:
    """The question, all sentences, the figures that they rest on, the files and the commands."""
    from fallline.trace.evidence import evidence_name

    lines = [f"{explanation.question}  ({explanation.name})", ""]
    for sentence in explanation.answer:
        indent = "* " if sentence.otherwise else "  "
        lines.append(textwrap.fill(sentence.text, WIDE, initial_indent=indent, subsequent_indent="  "))
    if explanation.missing:
        lines += ["", textwrap.fill(f"Not measured: {explanation.missing}", WIDE, subsequent_indent="  ")]
    for measurement in explanation.evidence:
        name = evidence_name(measurement.instrument, measurement.options)
        lines += ["", f"  Evidence: {run.path / 'evidence' / name}.parquet"]
        lines += _figures(measurement.figures)
    lines += [f"  Measure again: {command}" for command in explanation.commands]
    return lines


def _figures(figures: dict[str, Any]) -> list[str]:
    """Figures as a small table: single values, and short lists of them."""
    rows = [(name.replace("_", " "), _value(value)) for name, value in figures.items()]
    rows = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in rows), default=0)
    return [f"    {name:<{width}}  {value}" for name, value in rows]


def _value(value: Any) -> str:
    from fallline.numbers import number

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return number(value, 6)
    if isinstance(value, str):
        return value if len(value) <= WIDE else ""
    if isinstance(value, list) and 0 < len(value) <= 8 and not isinstance(value[0], list | dict):
        return ", ".join(map(_value, value))
    return ""
