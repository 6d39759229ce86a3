"""Answers that take a while, and are made beside the walk: compare, explain, diagnose, keep, and the retry that works.

Each gets what it needs as it stood when it was asked, and leaves the walk alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fallline.catalogue import asked as differing
from fallline.catalogue import command
from fallline.claim import Sentence
from fallline.errors import SettingsError, unknown
from fallline.explain.explanation import Explanation
from fallline.explain.topics import TOPICS
from fallline.figures.measured import draw_measurement
from fallline.fit import SetUp
from fallline.instruments import measure
from fallline.instruments.varied import parse
from fallline.lab.commands import commands_on
from fallline.lab.keeping import Keeping, downloads, keeping_of, kept_run
from fallline.lab.specification import specification
from fallline.lab.walker import Walker, with_rate
from fallline.legs import Leg, train
from fallline.measurement import Measurement
from fallline.numbers import count, duration, number
from fallline.rules import RATE_FREE
from fallline.run import Run
from fallline.stopping import WORSE
from fallline.told import told
from fallline.training import Training
from fallline.types import State

Message = dict[str, Any]
MOST = 6  # runs beside each other
LEAST = 2
FEWEST, MOST_STEPS = 100, 2000  # updates that are compared, unless asked otherwise: as many as were made, within these
PARTS = (0.5, 0.1)  # of the stable rate: what a retry tries first
SHRUNK = (3.0, 10.0, 100.0)  # what it divides the rate by where no limit is known
TRIED = 300  # updates of a retry


def standing(walker: Walker) -> tuple[Training, Keeping]:
    """The training and what would be kept of it, as they stand: to be used beside the walk."""
    return replace(walker.training, nearest=None), keeping_of(walker)


def compare(training: Training, keeping: Keeping, vary: str, steps: int | None) -> Message:
    """Two to six runs from the same start with the page's own settings but for one, on one picture."""
    varied = parse(vary)
    runs = int(np.prod([len(each.values) for each in varied]))
    if not LEAST <= runs <= MOST:
        raise SettingsError(
            f"'{vary}' makes {count(runs)} runs, and {LEAST} to {MOST} can be told apart side by side.\n"
            "Example: rate=0.01,0.1."
        )
    if steps is None and all(each.name != "batch" for each in varied):  # batches see as many rows each
        steps = int(np.clip(training.steps, FEWEST, MOST_STEPS))
    options = {"vary": vary, "rates": "own"} | ({} if steps is None else {"steps": steps})
    found = measure(training, "compare", **options)
    f = found.figures
    rows = [
        [
            name,
            _rate(name if f["vary"] == "rule" else training.ready.settings.rule, rate),
            number(start, 5),
            "diverged" if end is None else number(end, 5),
            count(made),
            count(seen),
            _time(us, made),
        ]
        for name, rate, start, end, made, seen, us in zip(
            *(f[each] for each in ("values", "rates", "start", "end", "steps", "rows_seen", "us_per_step")), strict=True
        )
    ]
    columns = [f["vary"], "rate", "loss at the start", "loss at the end", "updates", "rows seen", "time"]
    charts = draw_measurement(found)
    return {
        "say": "compared",
        "spec": specification(charts[0]) if charts else None,
        "said": [sentence.text for sentence in told(found)],
        "table": {"columns": columns, "rows": rows},
        "commands": commands_on(keeping, [command(training.name, "compare", differing("compare", options))]),
    }


def _rate(rule: str, rate: float) -> str:
    return "finds its own" if rule.partition(":")[0] in RATE_FREE and rate == 1 else number(rate)


def _time(us: float | None, updates: int) -> str:
    return "not measured" if us is None else duration(us * updates * 1e-6)


def tree() -> Message:
    """The questions that can be asked, by the step of a project and its branches."""
    leaves = [{"step": t.step, "branch": t.branch, "name": t.name, "question": t.question} for t in TOPICS]
    return {"say": "explained", "tree": leaves, "one": None}


def explain(keeping: Keeping, name: str, folder: Path, made: dict[Any, Run]) -> Message:
    """One explanation with its evidence, measured on this very walk."""
    if name not in {topic.name for topic in TOPICS}:
        raise SettingsError(unknown("explanation", name, [topic.name for topic in TOPICS]))
    run = kept_run(keeping, folder, made)
    (found,) = run.explain(name)
    return {"say": "explained", "tree": None, "one": _explained(found, keeping)}


def _explained(found: Explanation, keeping: Keeping) -> Message:
    return {
        "name": found.name,
        "question": found.question,
        "step": found.step,
        "branch": found.branch,
        "at": keeping.step,
        "paragraphs": [_paragraph(sentence) for sentence in found.answer],
        "otherwise": any(sentence.otherwise for sentence in found.answer),
        "missing": found.missing,
        "figures": [spec for evidence in found.evidence for spec in specs(evidence)],
        "commands": commands_on(keeping, found.commands),
    }


def _paragraph(sentence: Sentence) -> Message:
    return {"text": sentence.text, "otherwise": sentence.otherwise, "word": sentence.claim.startswith("word:")}


def specs(measurement: Measurement) -> list[Any]:
    """The charts of a measurement."""
    return [specification(chart) for chart in draw_measurement(measurement)]


def diagnose(keeping: Keeping, tried: bool, folder: Path, made: dict[Any, Run]) -> Message:
    """What is wrong with the walk so far, and which fix works."""
    run = kept_run(keeping, folder, made)
    found = run.diagnose(tried=tried)
    said = "Nothing is wrong" if found.healthy else f"{count(len(found.symptoms))} found"
    return {
        "say": "diagnosed",
        "said": f"{said}: {count(len(found.checked))} symptoms were looked for, at step {count(keeping.step)}.",
        **found.to_json(),
        "commands": commands_on(keeping, [f"fallline diagnose {run.name}{' --try' if tried else ''}"]),
    }


def keep(keeping: Keeping, folder: Path, made: dict[Any, Run]) -> Message:
    """The run folder, the model and the report, to be downloaded."""
    run = kept_run(keeping, folder, made)
    return {"say": "kept", "run": run.name, "files": downloads(run, folder)}


def retry(ready: SetUp, state: State, step: int, stable: float | None) -> Message:
    """A rate that was tried from the last good step on, and worked; without settings when none did.

    Args:
        ready: the training that broke.
        step, state: the last good step, and the state after it.
    """
    rate = float(ready.walk.rates(np.array([step]))[0])
    wanted = [stable * part for part in PARTS] if stable is not None and stable < rate else []
    values = dict.fromkeys(float(f"{value:.2g}") for value in [*wanted, *(rate / factor for factor in SHRUNK)])
    for value in values:
        trial = with_rate(ready, step, value)
        seen: list[Leg] = []
        train(trial.parts, state, trial.table, trial.walk, seen.append, start=step, stop=step + TRIED)
        objective = np.concatenate([leg.recorded.objective for leg in seen]).astype(np.float64)
        tenth = max(1, len(objective) // 10)
        last = float(objective[-tenth:].mean())
        if np.isfinite(objective).all() and last < objective[0] and objective.max() <= WORSE * abs(objective[0]):
            text = (
                f"Tried: with the rate {number(value)} from step {count(step)} on, the loss goes from "
                f"{number(objective[0])} to {number(last)} in {count(TRIED)} updates."
            )
            return {"say": "retry", "text": text, "settings": {"rate": value}}
    text = (
        f"Tried from step {count(step)} on, {count(TRIED)} updates each: the rates {', '.join(map(number, values))}. "
        "With none of them the loss came down. Start anew with other settings."
    )
    return {"say": "retry", "text": text, "settings": None}


Aside = Callable[[], Message]
