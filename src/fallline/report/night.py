"""The figures' colours by night: the same hue, its lightness turned over, so that dark on white is light on black.

Figures are drawn for white paper. The page's script exchanges the colours of this table when the reader's screen is
dark, and prints with those of the day.
"""

from __future__ import annotations

import re
from typing import Any

from fallline.report.units import Spec

HEX = re.compile(r"#[0-9a-fA-F]{6}\b")
WHITE, BLACK = "#ffffff", "#000000"
NAMED = {"white": WHITE, "black": BLACK}
LIGHTEST, SPAN = 1.17, 0.96  # OKLab: white becomes 0.21, and a grey of 0.5, which can be read on white, 0.69
# rows, and lists and texts that are read rather than seen: a class of wine may well be called "white"
NOT_COLOURS = ("datasets", "values", "domain", "title", "description", "sort", "text")


def night_of(colour: str) -> str:
    """A colour by night, by way of OKLab (Ottosson, 2020), in which lightness is as even as the eye has it.

    >>> night_of("#ffffff"), night_of("#0067a5")
    ('#181818', '#549ede')
    """
    red, green, blue = (_linear(int(NAMED.get(colour, colour)[at : at + 2], 16) / 255) for at in (1, 3, 5))
    l_ = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    m_ = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    s_ = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    light = LIGHTEST - SPAN * (0.2104542553 * l_ + 0.7936177850 * m_ - 0.0040720468 * s_)
    a = 1.9779984951 * l_ - 2.4285922050 * m_ + 0.4505937099 * s_
    b = 0.0259040371 * l_ + 0.7827717662 * m_ - 0.8086757660 * s_
    l3 = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m3 = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s3 = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    parts = (
        4.0767416621 * l3 - 3.3077115913 * m3 + 0.2309699292 * s3,
        -1.2684380046 * l3 + 2.6097574011 * m3 - 0.3413193965 * s3,
        -0.0041960863 * l3 - 0.7034186147 * m3 + 1.7076147010 * s3,
    )
    return "#" + "".join(f"{round(255 * _gamma(part)):02x}" for part in parts)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _gamma(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21, as WCAG 2 has it."""

    def luminance(colour: str) -> float:
        red, green, blue = (_linear(int(NAMED.get(colour, colour)[at : at + 2], 16) / 255) for at in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def colours_in(spec: Spec) -> dict[str, str]:
    """Every colour that a chart names, and what it is by night."""
    found: set[str] = set()

    def look(part: Any) -> None:
        if isinstance(part, dict):
            for key, value in part.items():
                if key not in NOT_COLOURS or (isinstance(value, dict) and key != NOT_COLOURS[0]):
                    look(value)
        elif isinstance(part, list):
            for value in part:
                look(value)
        elif isinstance(part, str):
            found.update(HEX.findall(part))

    look(spec)
    return {colour: night_of(colour) for colour in [*sorted(found), *NAMED]}
