"""The recorded steps as a data frame, in memory or on disk: a row per update, never thinned.

The weights themselves are a column while they are few (at most 64 parameters: every step). When they are many they
are kept as snapshots between legs, which fall on the ends of epochs where an epoch fits into a leg; when there are
more than 100 snapshots every second one is let go, and from then on every second one is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:  # reading a trace needs no JAX
    from fallline.batches import Batches
    from fallline.legs import Leg

SNAPSHOTS = 100
IN_MEMORY = 2**26  # bytes of weights of every step that a trace holds in memory; later steps go without


def leg_frame(leg: Leg, batches: Batches, *, parameters: bool = True) -> pl.DataFrame:
    """The steps of one leg.

    Returns: step (counted from 1), epoch (a fraction), rows (seen so far), seconds (since training began, spread
    evenly over the leg), loss and objective of the batch before the update, gradient_norm, update_norm,
    weight_norm (after it), rate, the three norms of each parameter group as NAME/GROUP, and the flat parameters
    after the update when they were kept.
    """
    recorded = leg.recorded
    steps = np.arange(leg.start + 1, leg.end + 1)
    rows = batches.rows_seen(steps)
    out: dict[str, Any] = {
        "step": steps,
        "epoch": rows / batches.rows,
        "rows": rows,
        "seconds": leg.seconds,
        "loss": recorded.loss,
        "objective": recorded.objective,
    }
    kinds = ("gradient", "update", "weight")
    out |= {f"{kind}_norm": recorded.norm(kind) for kind in kinds}
    out["rate"] = recorded.rate
    out |= {f"{kind}_norm/{name}": recorded.norm(kind, name) for kind in kinds for name in recorded.names}
    if parameters and recorded.parameters is not None:
        out["parameters"] = np.ascontiguousarray(recorded.parameters)
    return pl.DataFrame(out)


class Snapshots:
    """Weights at some of the steps, thinned by halves."""

    def __init__(self) -> None:
        self.at: dict[int, Any] = {}
        self._seen = 0
        self._stride = 1

    def offer(self, step: int, parameters: Any) -> list[int] | None:
        """Keep the weights of this step if its turn has come.

        Returns: the steps whose snapshots were let go for it; None when this one was not kept.
        """
        self._seen += 1
        if self._seen % self._stride:
            return None
        self.at[step] = parameters
        if len(self.at) <= SNAPSHOTS:
            return []
        self._stride *= 2
        gone = list(self.at)[::2]
        for old in gone:
            del self.at[old]
        return gone


class Trace:
    """All recorded steps, in memory."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.legs: list[Leg] = []
        self.snapshots = Snapshots()
        self._weights_bytes = 0

    def __len__(self) -> int:
        return sum(leg.end - leg.start for leg in self.legs)

    def keep(self, leg: Leg) -> None:
        """Take one leg over."""
        weights = leg.recorded.parameters
        if weights is None:
            self.snapshots.offer(leg.end, leg.parameters)
        elif self._weights_bytes + weights.nbytes > IN_MEMORY:
            leg = leg._replace(recorded=leg.recorded.without_parameters())
        else:
            self._weights_bytes += weights.nbytes
        self.legs.append(leg.bare())

    def frame(self) -> pl.DataFrame:
        """A row per update; see `leg_frame` for the columns."""
        frames = [leg_frame(leg, self.batches) for leg in self.legs]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

    def flat_weights(self, step: int) -> np.ndarray | None:
        """The flat parameters after a step, when they were kept at every step."""
        for leg in self.legs:
            if leg.start < step <= leg.end and leg.recorded.parameters is not None:
                return leg.recorded.parameters[step - leg.start - 1]
        return None

    def snapshot(self, step: int) -> Any | None:
        """The parameters after a step, when a snapshot of them was kept."""
        return self.snapshots.at.get(step)


def layout(names: Sequence[str], shapes: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """How the flat parameters divide into arrays, in order, as JSON."""
    return [{"name": name, "shape": list(shape)} for name, shape in zip(names, shapes, strict=True)]


def unflatten(flat: np.ndarray, arrays: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The flat parameters as named arrays."""
    out, first = {}, 0
    for array in arrays:
        size = int(np.prod(array["shape"], dtype=int))
        out[array["name"]] = np.asarray(flat[first : first + size]).reshape(array["shape"])
        first += size
    return out
