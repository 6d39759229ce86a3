"""Whether it memorised or learned, said in words."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share
from fallline.words import measure, measure_name

SURE = 2.0  # standard errors: about one chance in twenty that rows alone made so large a difference
TURNED = 0.01  # of the lowest validation loss: what the last one must lie above it for a turn
WORTH = 0.01  # of the validation loss: what twice as many rows must be expected to gain


def _known(f: Figures, *names: str) -> bool:
    return all(isinstance(f.get(name), int | float) and math.isfinite(f[name]) for name in names)


def _rows(f: Figures) -> str:
    if f["rows"] == f["rows_of"]:
        return f"{count(f['rows'])} training rows"
    return f"{count(f['rows'])} of the {count(f['rows_of'])} training rows"


def _both(f: Figures) -> str:
    return (
        f"The model that was kept, from step {count(f['kept_step'])}, has a loss of {number(f['train'])} on {_rows(f)} "
        f"and {number(f['validation'])} on {count(f['validation_rows'])} validation rows, which it never learned from: "
        f"a gap of {number(f['gap'])} ± {number(f['gap_error'], 2)} (standard error)"
    )


def _learned(f: Figures) -> str:
    if f["gap"] < -SURE * f["gap_error"]:
        return f"{_both(f)}. The validation rows happen to be easier; nothing was memorised at their cost."
    if f["validation"] >= f["trivial_validation"]:
        return (
            f"{_both(f)}. That is within noise: nothing was memorised, but on the validation rows it is no better than "
            "the best constant prediction."
        )
    return f"{_both(f)}. That is within noise, so that what it knows holds for rows that it never saw: it learned."


def _memorised(f: Figures) -> str:
    gained, kept = f["trivial_train"] - f["train"], f["trivial_validation"] - f["validation"]
    part = ""
    if gained > 0 and kept > 0:
        part = (
            " Beyond the best constant prediction it gained "
            f"{number(gained)} on the training rows and {number(kept)} on the validation rows."
        )
    elif kept <= 0:
        part = " On the validation rows it is no better than the best constant prediction."
    return f"{_both(f)}. That is more than noise: part of what it knows holds for the training rows alone.{part}"


def _within_noise(f: Figures) -> bool | None:
    if not _known(f, "gap", "gap_error", "train", "validation"):
        return None
    return f["gap"] <= SURE * f["gap_error"]


def _at_end(f: Figures) -> bool | None:
    if not _known(f, "lowest", "last") or f["looks"] < 2:
        return None
    return f["last"] - f["lowest"] <= TURNED * abs(f["lowest"])


def _never_turned(f: Figures) -> str:
    if f["lowest_step"] == f["last_step"]:
        return (
            f"The validation loss was lowest, {number(f['lowest'])}, at the last of {count(f['looks'])} looks, at step "
            f"{count(f['last_step'])}: it never turned."
        )
    return (
        f"The validation loss was lowest, {number(f['lowest'])}, at step {count(f['lowest_step'])}, and still within "
        f"{share(TURNED)} of that, {number(f['last'])}, at step {count(f['last_step'])}, the last of "
        f"{count(f['looks'])} looks: it did not turn."
    )


def _did_turn(f: Figures) -> str:
    return (
        f"The validation loss turned: it was lowest, {number(f['lowest'])}, at step {count(f['lowest_step'])}, and had "
        f"risen to {number(f['last'])}, {_above(f['last'], f['lowest'])}, by step {count(f['last_step'])}."
    )


def _above(value: float, low: float) -> str:
    return f"{share((value - low) / abs(low))} higher" if low else f"{number(value - low)} higher"


def _right(f: Figures) -> bool | None:
    if not _known(f, "lowest", "validation") or f["looks"] < 2:
        return None
    return f["validation"] - f["lowest"] <= TURNED * abs(f["lowest"])


def _kept(f: Figures) -> str:
    return (
        f"Training made {count(f['steps'])} steps and kept the weights of step {count(f['kept_step'])}, whose "
        f"validation loss is {number(f['validation'])}; the lowest that was seen is {number(f['lowest'])}, at step "
        f"{count(f['lowest_step'])}"
    )


def _good_moment(f: Figures) -> str:
    more = ""
    if f["lowest_step"] == f["last_step"] == f["kept_step"]:
        more = (
            " It was still the lowest then: nobody can tell from this whether more steps would have lowered it further."
        )
    return f"{_kept(f)}. That is within {share(TURNED)}: hardly anything was lost by when it stopped.{more}"


def _bad_moment(f: Figures) -> str:
    return (
        f"{_kept(f)}. {_above(f['validation'], f['lowest']).capitalize()}: that much was lost by keeping these "
        "weights. Stopping when the validation loss no longer falls (stop patience) would have kept the better ones."
    )


def _helps(f: Figures) -> bool | None:
    if not _known(f, "curve_gain", "curve_gain_error", "doubling"):
        return None
    sure = f["curve_gain"] > SURE * f["curve_gain_error"]
    return sure and f["doubling"] > WORTH * abs(f["curve_validation"][-1])


def _curve(f: Figures) -> str:
    low, high = f["curve_from"], f["curve_rows"][-1]
    fell = "fell" if f["curve_gain"] > 0 else "rose"
    return (
        f"Trained anew with the same settings for {count(f['curve_steps'])} steps ({f['curve_seeds']} random starts), "
        f"the validation loss {fell} by {number(abs(f['curve_gain']))} ± {number(f['curve_gain_error'], 2)} (standard "
        f"error) from {count(low)} to {count(high)} training rows, to {number(f['curve_validation'][-1])}"
    )


def _more(f: Figures) -> str:
    return (
        f"{_curve(f)}. The curve still falls: were it to go on alike, twice as many rows would gain about "
        f"{number(f['doubling'])}; since such curves flatten, rather less."
    )


def _no_more(f: Figures) -> str:
    if f["curve_gain"] > SURE * f["curve_gain_error"]:
        return (
            f"{_curve(f)}. Twice as many rows would gain about {number(max(f['doubling'], 0.0))} at most, less than "
            f"{share(WORTH)}: more rows alone would hardly help this model."
        )
    return f"{_curve(f)}. That is no fall beyond noise: more rows alone would hardly help this model."


def _part_seen(f: Figures) -> tuple[str, float, float]:
    part = "test" if f["test_measure"] is not None else "validation"
    return part, f[part], f[f"{part}_measure"]


def _follows(f: Figures) -> bool:
    """Whether the measure is the root of twice the loss, in the target's units, and so of the same order."""
    _, loss, value = _part_seen(f)
    if f["measure"] != "rmse" or f["scale"] is None or loss < 0:
        return False
    return math.isclose(value, math.sqrt(2 * loss) * f["scale"], rel_tol=1e-3)


def _apart(f: Figures) -> bool | None:
    if not _known(f, "validation") or not math.isfinite(_part_seen(f)[2]):
        return None
    return not _follows(f)


def _numbers(f: Figures) -> str:
    part, loss, value = _part_seen(f)
    rows = f"{count(f[f'{part}_rows'])} {part} rows"
    units = f", in the units of {f['target']}" if f["scale"] is not None else ""
    seen = "training never saw" if part == "test" else "training did not learn from"
    final = f"{measure(f['measure'], value)}{units}"
    return f"On {rows}, which {seen}, the loss is {number(loss)} and the final measure is {final}"


def _another(f: Figures) -> str:
    return (
        f"{_numbers(f)}. The loss is what training makes smaller, and must have a slope; the measure is what a person "
        "asks for, and need not. The one can improve while the other does not."
    )


def _one_of_other(f: Figures) -> str:
    return (
        f"{_numbers(f)}. Here the one follows from the other: {measure_name(f['measure'])} is the square root of twice "
        f"the loss, times {number(f['scale'])}, the scale of the target. The lower loss always has the better measure."
    )


CLAIMS = (
    Claim("memorised", _within_noise, _learned, _memorised),
    Claim("turned", _at_end, _never_turned, _did_turn),
    Claim("right-moment", _right, _good_moment, _bad_moment),
    Claim("more-rows", _helps, _more, _no_more),
    Claim("measure-apart", _apart, _another, _one_of_other),
)
