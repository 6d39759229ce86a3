"""The explanations of one step of a project, as a tree that can be folded: branches, and on them questions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from fallline.claim import Sentence
from fallline.explain.explanation import Explanation
from fallline.report.evidence import Evidence
from fallline.report.html import folded, text

OTHERWISE = "Here it is otherwise:"  # before a sentence that says what was measured instead of what was expected


def tree(explanations: Sequence[Explanation], step: str, evidence: Evidence) -> str:
    """The explanations that hang on one of the four steps, by branch, each folded under its question."""
    here = [explanation for explanation in explanations if explanation.step == step]
    order = {branch: i for i, branch in enumerate(dict.fromkeys(each.branch for each in here))}
    here.sort(key=lambda each: order[each.branch])
    return "".join(
        f'<section class="branch"><h3>{text(branch[:1].upper() + branch[1:])}</h3>'
        + "".join(_explanation(each, evidence) for each in leaves)
        + "</section>"
        for branch, leaves in groupby(here, lambda each: each.branch)
    )


def _explanation(told: Explanation, evidence: Evidence) -> str:
    answer = "".join(map(_sentence, told.answer))
    missing = f'<p class="missing">Not measured: {text(told.missing)}</p>' if told.missing else ""
    shown = "".join(evidence.show(measurement, told.question) for measurement in told.evidence)
    commands = "".join(f"<pre><code>{text(command)}</code></pre>" for command in told.commands)
    again = folded("Measure it again", f"<p>In a terminal, where the run lies:</p>{commands}") if commands else ""
    return (
        f'<details class="explanation" id="explain-{text(told.name)}"><summary><h4>{text(told.question)}</h4></summary>'
        f'<div class="answer">{answer}{missing}</div>{shown}{again}</details>'
    )


def _sentence(sentence: Sentence) -> str:
    if sentence.otherwise:
        return f'<p class="otherwise"><strong>{OTHERWISE}</strong> {text(sentence.text)}</p>'
    kind = ' class="word"' if sentence.claim.startswith("word:") else ""
    return f"<p{kind}>{text(sentence.text)}</p>"
