"""What an instrument found: a frame to draw, and the figures that sentences quote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

Figures = dict[str, Any]  # JSON: numbers, words and short lists of them, by name


@dataclass(frozen=True)
class Measurement:
    """instrument: its name. frame: what was measured. figures: what sums it up. options: as it was asked."""

    instrument: str
    frame: pl.DataFrame
    figures: Figures
    options: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0  # that it took

    def to_json(self) -> dict[str, Any]:
        """All but the frame."""
        return {
            "instrument": self.instrument,
            "options": self.options,
            "figures": self.figures,
            "seconds": self.seconds,
        }
