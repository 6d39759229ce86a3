"""The measurements that explanations quote: each is drawn once on the page, and a later mention links to it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fallline.explain.explanation import Explanation
from fallline.figures.measured import draw_measurement
from fallline.measurement import Measurement
from fallline.numbers import number
from fallline.report.figure import figure
from fallline.report.html import facts, folded, text
from fallline.report.words import value_words
from fallline.trace.evidence import evidence_name

LEVEL = 5  # of a figure's heading: step, branch and question stand above it
LONG = 12  # numbers of a list that are written out


class Evidence:
    """What was drawn on the page so far, and where."""

    def __init__(self, explanations: Sequence[Explanation]) -> None:
        self._told = {_name(each) for explanation in explanations for each in explanation.evidence}
        self._shown: dict[str, str] = {}  # name: the question under which it was drawn

    def tells(self, measurement: Measurement) -> bool:
        """Whether an explanation shows it, so that it need not be shown elsewhere."""
        return _name(measurement) in self._told

    def show(self, measurement: Measurement, question: str) -> str:
        """Its figure, numbers and settings; where it was shown already, a link there."""
        name = _name(measurement)
        if name in self._shown:
            return f'<p>Measured as above: <a href="#{name}">{text(self._shown[name])}</a></p>'
        self._shown[name] = question
        numbers = folded("Numbers", facts((key.replace("_", " "), _words(v)) for key, v in measurement.figures.items()))
        options = ", ".join(f"{key} {value_words(value)}" for key, value in measurement.options.items())
        asked = f" ({options})" if options else ""
        took = f", in {number(measurement.seconds, 2)} seconds" if measurement.seconds else ""
        by = f'<p class="small">Measured by the instrument {text(measurement.instrument + asked)}{took}.</p>'
        drawn = "".join(figure(chart, level=LEVEL) for chart in draw_measurement(measurement))
        return f'<div class="evidence" id="{name}" tabindex="-1">{drawn}{numbers}{by}</div>'


def _name(measurement: Measurement) -> str:
    """What a link calls it."""
    return re.sub(r"[^\w.-]+", "-", f"evidence-{evidence_name(measurement.instrument, measurement.options)}")


def _words(value: object) -> str:
    if isinstance(value, list | tuple) and len(value) > LONG:
        return f"{value_words(value[:LONG])}, … ({len(value):,} in all)"
    return value_words(value)
