"""By night every colour keeps its hue and its contrast."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from fallline.figures import theme
from fallline.report.night import colours_in, contrast, night_of

COLOURS = {theme.INK, theme.MUTED, theme.TRAIN, theme.HELD, theme.EXACT, theme.TRIVIAL, theme.BROKEN, *theme.GROUPS}


@pytest.mark.parametrize("colour", sorted(COLOURS))
def test_the_colours_of_figures_can_be_read_by_day_and_by_night(colour: str) -> None:
    assert contrast(colour, "#ffffff") >= 4.5
    assert contrast(night_of(colour), night_of("#ffffff")) >= 4.5


def palette(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", css))


def test_the_texts_of_the_page_can_be_read_on_both_of_its_grounds_by_day_and_by_night() -> None:
    css = files("fallline.report").joinpath("page.css").read_text("utf-8")
    day, night = (palette(part) for part in css.split("prefers-color-scheme: dark", 1))
    assert set(day) <= set(night)
    for colours in (day, night):
        for name in ("ink", "muted", "accent", "good", "open", "bad", "other"):
            assert contrast(colours[name], colours["paper"]) >= 4.5, name
            assert contrast(colours[name], colours["soft"]) >= 4.5, name
    assert night["paper"] == night_of(day["paper"])


def test_grey_stays_grey_and_light_and_dark_change_places() -> None:
    for grey in ("#000000", "#777777", "#ffffff"):
        assert len({night_of(grey)[at : at + 2] for at in (1, 3, 5)}) == 1
    assert night_of("#111111") > night_of("#eeeeee")


def test_the_contrast_of_black_and_white_is_21() -> None:
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the well-known near miss


def test_colours_are_found_in_the_look_of_a_chart_and_not_in_its_rows() -> None:
    spec = {
        "mark": {"color": "#0067A5"},
        "encoding": {"color": {"value": {"expr": "datum.x > 1 ? 'white' : '#1d2329'"}}},
        "datasets": {"rows": [{"name": "#123456"}]},
        "config": {"title": {"color": "#59636e"}},
        "title": {"text": "#111111", "color": "#222222"},
        "layer": [{"scale": {"domain": ["#654321"], "range": ["#a9cbe2"]}}],
    }
    assert set(colours_in(spec)) == {"#0067A5", "#1d2329", "#59636e", "#222222", "#a9cbe2", "white", "black"}
