"""How much the gradients of single rows differ, said in words."""

from __future__ import annotations

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share
from fallline.told.curvature import begin, over_rows

NEAR = 0.7  # of the computed floor: batches' gradients a third below it no longer bear it out


def _rows(scale: float) -> str:
    """A number of rows, in few digits: a noise scale is an estimate.

    >>> _rows(0.4), _rows(1.2), _rows(9154.2)
    ('less than 1 row', '1.2 rows', '9,154 rows')
    """
    return "less than 1 row" if scale < 1 else f"{number(scale) if scale >= 1000 else number(scale, 3)} rows"


def _spread(f: Figures) -> str:
    return (
        f"{begin(f)} the mean of the rows' gradients has the length {number(f['gradient_norm'])}, "
        f"and the gradient of one row lies {number(f['spread'])} from that mean (root mean square){over_rows(f)}; "
        f"for {share(f['against'])} of the rows, a step that makes the mean loss smaller makes their own loss larger "
        "at first"
    )


def _differ(f: Figures) -> str:
    return f"{_spread(f)}. The rows differ more than they agree."


def _agree(f: Figures) -> str:
    return f"{_spread(f)}. The rows agree more than they differ."


def _scales(f: Figures) -> str:
    return (
        f"The gradient noise scale, the batch size at which noise and gradient are equally long, was "
        f"{_rows(f['start_noise_scale'])} at the random start and {_rows(f['noise_scale'])} after step "
        f"{count(f['step'])}"
    )


def _grew(f: Figures) -> str:
    return f"{_scales(f)}: single rows came to agree less on where to go."


def _shrank(f: Figures) -> str:
    return f"{_scales(f)}: single rows did not come to agree less on where to go."


def _grows(f: Figures) -> bool | None:
    if f["noise_scale"] is None or f["start_noise_scale"] is None or f["step"] == 0:
        return None
    return f["noise_scale"] > f["start_noise_scale"]


def _gain(f: Figures) -> float:
    """The part of the best possible gain that a step on a batch has: 1 / (1 + scale / batch)."""
    return f["batch"] / (f["batch"] + f["noise_scale"])


def _one(f: Figures) -> str:
    return "1 row" if f["batch"] == 1 else f"{count(f['batch'])} rows"


def _pays(f: Figures) -> str:
    return (
        f"{begin(f)} the noise scale is {_rows(f['noise_scale'])} and a batch has {_one(f)}: a "
        f"step, at its best rate, gains about {share(_gain(f))} of what a step on endlessly many rows would. A bigger "
        "batch would give better steps, or a smaller rate would average the noise away."
    )


def _pays_not(f: Figures) -> str:
    if f["full"]:
        return (
            f"{begin(f)} the noise scale is {_rows(f['noise_scale'])}, and every step saw all "
            f"{_one(f)}. A batch as large as the noise scale would have had about half the gain of a step, for fewer "
            "rows."
        )
    return (
        f"{begin(f)} the noise scale is {_rows(f['noise_scale'])} and a batch has {_one(f)}: a "
        f"step, at its best rate, gains about {share(_gain(f))} of what a step on endlessly many rows would. A bigger "
        "batch costs more and adds little."
    )


def _batch_pays(f: Figures) -> bool | None:
    if f["noise_scale"] is None or (f["full"] and f["noise_scale"] >= f["batch"]):
        return None  # there is no bigger batch
    return not f["full"] and f["batch"] < f["noise_scale"]


def _theory(f: Figures) -> str:
    return (
        f"Does the gradient become zero in the end? Over all rows it has the length {number(f['gradient_norm'])}, but "
        f"a batch of {_one(f)} is off by about {number(f['floor'])} (root mean square), however near the minimum is. "
        f"Over the last {count(f['late'])} steps the gradients of the batches had {number(f['recorded_norm'])} (root "
        f"mean square), the smallest {number(f['recorded_least'])}"
    )


def _floor(f: Figures) -> str:
    return f"{_theory(f)}: on batches it does not become zero."


def _no_floor(f: Figures) -> str:
    return (
        f"{_theory(f)}: that is clearly below the noise after step {count(f['step'])}, so that noise is no floor for "
        "them."
    )


CLAIMS = (
    Claim("spread", lambda f: f["spread"] > f["gradient_norm"], _differ, _agree),
    Claim("noise-scale", _grows, _grew, _shrank),
    Claim("batch-pays", _batch_pays, _pays, _pays_not),
    Claim(
        "floor",
        lambda f: None if not f["floor"] else f["recorded_norm"] >= NEAR * f["floor"],
        _floor,
        _no_floor,
    ),
)
