"""What happens in a run beside its stretches: spikes, oscillation, validation turning."""

from __future__ import annotations

import numpy as np
import polars as pl

from fallline.explain.chapters import Curve, when
from fallline.explain.explanation import Chapter
from fallline.explain.recorded import column
from fallline.numbers import count, number

AROUND = 11  # steps whose median is the level about a spike
ODD = 8.0  # robust deviations above that level: one in a million million of well-behaved noise
TWICE = float(np.log(2.0))  # in log loss: a spike at least doubles the loss
SWING = 0.02  # of log loss: an up or down that counts
SWINGS = 3  # ups, at least, of an oscillation
BACK = -0.7  # mean cosine of an update and the one before it: each goes back on the last, more than the -0.5 of noise
BACK_OVER = 10  # steps that the mean is taken over
BACK_OVER_BATCHES = 100  # the same where batches bring luck into it
TURNED = 0.01  # relative rise of the validation loss over its lowest
AFTER = 3  # looks at the validation rows after the lowest, at least


def spikes(curve: Curve) -> list[Chapter]:
    """Steps whose loss shoots up out of its surroundings and comes back. More than two are told as one."""
    flow = curve.flow
    if len(flow) < AROUND or curve.loss.min() <= 0:
        return []
    level = pl.Series(flow).rolling_median(AROUND, center=True, min_samples=AROUND // 2 + 1).to_numpy()
    off = flow - level
    typical = 1.4826 * float(np.median(np.abs(off)))
    before = np.concatenate([[np.inf], flow[:-1]])
    before = np.minimum(before, np.concatenate([[np.inf, np.inf], flow[:-2]]))
    odd = (off > max(ODD * typical, TWICE)) & (flow - before > TWICE)
    odd[-(AROUND // 2) :] = False  # near the end nobody can tell whether it comes back
    found = np.flatnonzero(odd)
    if len(found) == 0:
        return []
    peak = int(found[np.argmax(off[found])])
    figures = {"spikes": len(found), "highest_step": peak + 1, "loss": float(curve.loss[peak])}
    figures["level"] = float(np.exp(level[peak]))
    said = f"the loss shot up to {number(figures['loss'])}, {number(np.exp(off[peak]), 2)} times its level there"
    if len(found) == 1:
        return [
            Chapter("spike", peak + 1, peak + 1, f"Step {count(peak + 1)}: a spike, {said}, and came back.", figures)
        ]
    first, last = int(found[0]) + 1, int(found[-1]) + 1
    text = f"{when(first, last)}: {count(len(found))} spikes; at the highest, step {count(peak + 1)}, {said}."
    return [Chapter("spike", first, last, text, figures)]


def oscillation(curve: Curve, parameters: np.ndarray | None) -> list[Chapter]:
    """The longest stretch in which updates go back on each other, or in which a noiseless loss swings up and down."""
    return _turning_back(curve, parameters) or (_swinging(curve) if curve.full else [])


def _turning_back(curve: Curve, parameters: np.ndarray | None) -> list[Chapter]:
    over = BACK_OVER if curve.full else BACK_OVER_BATCHES
    if parameters is None or len(parameters) <= over + 1:
        return []
    updates = np.diff(parameters.astype(np.float64), axis=0)
    length = np.linalg.norm(updates, axis=1)
    product = length[1:] * length[:-1]
    moves = product > 1e-12 * product.max(initial=0.0)
    cosine = np.where(moves, np.einsum("sp,sp->s", updates[1:], updates[:-1]) / np.where(moves, product, 1.0), 0.0)
    mean = pl.Series(cosine).rolling_mean(over).fill_null(0.0).to_numpy()
    begin, end = _longest(mean < BACK)
    if end <= begin:
        return []
    first, last = max(begin - over + 1, 0) + 2, end + 2  # cosine i is of the updates of steps i + 2 and i + 3
    some = float(cosine[first - 2 : last - 1].mean())
    a, b = float(curve.loss[min(first, len(curve.loss)) - 1]), float(curve.loss[min(last, len(curve.loss)) - 1])
    text = (
        f"{when(first, last)}: an oscillation, each update went back on the one before it (the mean cosine between "
        f"them is {number(some, 2)}): the steps cross a valley from side to side, while the loss went from {number(a)} "
        f"to {number(b)}."
    )
    return [Chapter("oscillation", first, last, text, {"cosine": some, "loss_from": a, "loss_to": b})]


def _longest(holds: np.ndarray) -> tuple[int, int]:
    """The longest run of True: [begin, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(int)))
    if len(edges) == 0:
        return 0, 0
    begins, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest])


def _swinging(curve: Curve) -> list[Chapter]:
    flow = curve.flow
    turns = np.flatnonzero(np.diff(flow)[1:] * np.diff(flow)[:-1] < 0) + 1
    corners = np.concatenate([[0], turns, [len(flow) - 1]])
    swing = np.diff(flow[corners])
    large = np.abs(swing) > SWING
    begin, end = _longest(large)
    ups = int((swing[begin:end] > 0).sum())
    if ups < SWINGS:
        return []
    first, last = int(corners[begin]) + 1, int(corners[end]) + 1
    most = float(np.exp(np.abs(swing[begin:end]).max())) if curve.loss.min() > 0 else None
    by = "" if most is None else f", at the most by a factor of {number(most, 3)}"
    text = f"{when(first, last)}: an oscillation, the loss went up and down {count(ups)} times{by}."
    return [Chapter("oscillation", first, last, text, {"swings": ups, "most": most})]


def turning(evaluations: pl.DataFrame | None, loss: np.ndarray) -> list[Chapter]:
    """Where the loss of the validation rows stopped falling and rose again."""
    if evaluations is None or evaluations.height < AFTER + 2:
        return []
    steps, held = evaluations["step"].to_numpy(), column(evaluations, "validation_loss")
    if not np.isfinite(held).all():
        return []
    low = int(held.argmin())
    if low == 0 or len(held) - 1 - low < AFTER or held[-1] - held[low] <= TURNED * abs(held[low]):
        return []
    at, end = int(steps[low]), int(steps[-1])
    some = max(1, min(50, at, len(loss) - at))
    before, after = float(loss[at - some : at].mean()), float(loss[-some:].mean())
    also = (
        f", while the training loss went on falling, from {number(before)} to {number(after)}" if after < before else ""
    )
    text = (
        f"{when(at, end)}: validation turned, its loss was lowest at step {count(at)}, {number(held[low])}, and had "
        f"risen to {number(held[-1])} in the end{also}."
    )
    figures = {"lowest": float(held[low]), "last": float(held[-1]), "train_then": before, "train_last": after}
    return [Chapter("validation turning", at, end, text, figures)]
