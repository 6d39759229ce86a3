"""The first thing on the page: how it ended, the evidence, and what to do next."""

from __future__ import annotations

from fallline.figures.axes import is_finite
from fallline.numbers import number
from fallline.report.html import bullets, facts, folded, text
from fallline.report.reported import Reported
from fallline.report.words import headline, measured, sentence, short, value_words

SIGNS = {"converged": "✓", "improving": "↘", "interrupted": "‖"}  # else "!"
MOODS = {"converged": "good", "improving": "open", "interrupted": "open"}  # else "bad"


def verdict_section(run: Reported) -> str:
    """The verdict in large words, its reasons, the next step, and the figures that it rests on."""
    verdict = run.verdict
    mood, sign = MOODS.get(verdict.state, "bad"), SIGNS.get(verdict.state, "!")
    next_step = f'<p class="next"><strong>Next:</strong> {text(sentence(verdict.next))}</p>' if verdict.next else ""
    figures = [(name.replace("_", " "), value_words(value)) for name, value in verdict.figures.items()]
    return (
        f'<section class="verdict {mood}" aria-labelledby="verdict"><h1 id="verdict">'
        f'<span class="sign" aria-hidden="true">{sign}</span>{text(headline(verdict.state))}</h1>'
        f'<p class="why">{text(sentence(verdict.why))}</p>{next_step}{_tiles(run)}'
        f"{folded('In a few sentences', bullets(run.summary))}"
        f"{folded('The figures behind this verdict', facts(figures))}</section>"
    )


def _tiles(run: Reported) -> str:
    """The losses that the verdict compares, on the same rows; and apart from them the final measure."""
    train, test = run.metrics.get("train", {}), run.metrics.get("test", {})
    losses = [
        ("at the random start", run.start.get("loss")),
        (run.start.get("trivial", "always predicting the same"), run.start.get("trivial_loss")),
        ("of the weights kept", train.get("loss")),
        ("of the exact answer", (run.exact or {}).get("loss")),
    ]
    tiles = "".join(_tile(number(value), said) for said, value in losses if value is not None)
    measure = test.get(run.metric)
    final = _tile(measured(run.metric, measure), f"{short(run.metric)} on the test rows") if measure is not None else ""
    groups = f'<div class="group"><h2>Loss on the training rows</h2><div class="tiles">{tiles}</div></div>'
    if final:
        why = "" if is_finite(measure) else " (no finite predictions)"
        groups += f'<div class="group"><h2>Final measure{why}</h2><div class="tiles">{final}</div></div>'
    return f'<div class="groups">{groups}</div>'


def _tile(value: str, said: str) -> str:
    return f'<div class="tile"><strong>{text(value)}</strong><span>{text(said)}</span></div>'
