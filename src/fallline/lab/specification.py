"""A chart as the page draws it: its Vega-Lite specification, with the colours that it has by night."""

from __future__ import annotations

from typing import Any

import altair as alt

from fallline.report.night import colours_in


def specification(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The specification; `usermeta.night` says what each colour is by night."""
    spec: dict[str, Any] = chart.to_dict(validate=False)  # half of the time; the tests validate every figure
    return spec | {"usermeta": spec.get("usermeta", {}) | {"night": colours_in(spec)}}
