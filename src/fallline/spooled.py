"""Rows that are on disk, as a training sees them: batches step by step, and passes over all rows, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fallline.batches import Batches
from fallline.data.stream.membership import PARTS
from fallline.data.stream.spool import Spool
from fallline.exact import gram_of
from fallline.feed import Feed, order_of
from fallline.legs import Place
from fallline.survey import Rows, as_batch, grade, respond
from fallline.types import Parameters, Parts


@dataclass(frozen=True)
class Spooled:
    """The prepared rows of a table. Use it inside `engine.precision`."""

    spool: Spool
    outputs: int
    buffer: int  # bytes of rows that are shuffled together

    @property
    def rows(self) -> int:
        """How many rows train."""
        return self.spool.counts[0]

    def feed(self, batches: Batches, room: int, place: Place) -> Feed:
        """The batches of a training whose legs have room for so many steps."""
        return Feed(self.spool, batches, order_of(self.spool, batches.seed, self.buffer), self.outputs, room, place)

    def shuffle(self, batches: Batches) -> dict[str, float]:
        """How good the shuffle is; see `Order.quality`."""
        return order_of(self.spool, batches.seed, self.buffer).quality(batches.size)

    def blocks(self, part: str) -> Iterator[tuple[Rows, float]]:
        """Some rows of a part at a time, and their share of the weight of all of them. Rows of weight 0 come too."""
        total = self.spool.weight[PARTS.index(part)]
        for block in self.spool.blocks(part):
            target = block[:, -2]
            weight = block[:, -1].astype(np.float64)
            several = target if self.outputs == 1 else np.eye(self.outputs, dtype=block.dtype)[target.astype(int)]
            yield Rows(block[:, :-2], several, weight), float(weight.sum()) / total

    def gram(self) -> np.ndarray:
        """[features, 1, target]' diag(share) [features, 1, target] of the rows that train; float64."""
        total = self.spool.weight[0]
        return sum(
            (gram_of(np.asarray(r.features, np.float64), r.target, r.weight / total) for r, _ in self.blocks("train")),
            start=np.zeros((self.spool.width, self.spool.width)),
        )

    def grade(self, parts: Parts, parameters: Parameters) -> float:
        """The objective over all rows that train."""
        found = (share * float(grade(parts, parameters, as_batch(r))) for r, share in self.blocks("train") if share)
        return sum(found, start=0.0)

    def respond(self, parts: Parts, parameters: Parameters, part: str) -> tuple[float, np.ndarray]:
        """The loss over all rows of a part, and the response of every row."""
        loss, responses = 0.0, []
        for rows, share in self.blocks(part):
            seen = rows if share else rows._replace(weight=np.ones(len(rows.weight)))
            own, response = respond(parts, parameters, as_batch(seen))
            loss += share * float(own) if share else 0.0
            responses.append(np.asarray(response))
        return loss, np.concatenate(responses)

    def codes(self, part: str) -> np.ndarray:
        """The target of every row of a part [rows] float64: a standardised number, or the code of a class."""
        return np.concatenate([block[:, -2] for block in self.spool.blocks(part)]).astype(np.float64)
