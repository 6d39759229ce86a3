"""What is happening at a step, said in a sentence or two. The thresholds are this file's own."""

from __future__ import annotations

import math

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share
from fallline.told.re_add import apart_of

AT = 0.1  # of the way to the floor: an alpha nearer to 0 than this is called on it
FLAT = 1e-3  # of the steepest gradient so far: less is nearly flat
NEAR = 1e-3  # of the fall from the start to the exact answer that may be left when it is reached
CREEPS = 0.01  # of the stable rate: below it an update goes less than 2% of the way even where it is steepest
HIGH = 0.9  # of the start's loss: above it, nothing much has happened
BEYOND = 4.0  # standard errors of batches' means: a smaller move may be chance
CLEAR = 0.25  # of the start's loss: a fall by that over all rows is one, however much batches differ
AS_PRINTED = 1e-6  # of the loss: a smaller move is rounding


def state(f: Figures) -> str:
    """start, diverging, early, rising, arrived, flat, hovering, creeping, crossing or falling.

    >>> state({"step": 0})
    'start'
    """
    if f["step"] == 0:
        return "start"
    moves = _moves(f)
    far = (_now(f) or 0) > 10 * abs(f["start"])
    if not math.isfinite(f["last"]) or (moves == "rises" and _unstable(f)) or (moves in ("rises", None) and far):
        return "diverging"
    if moves is None:
        return "early"
    if moves == "rises":
        return "rising"
    if moves == "stays" and not _creeps(f) and BEYOND * f["noise"] > NEAR * abs(f["start"]):
        return "hovering"
    if _arrived(f):
        return "arrived"
    if f["full"] and f["gradient_norm"] <= FLAT * f["steepest"]:
        return "flat"
    if moves == "stays":
        return "creeping" if f["full"] or _creeps(f) else "hovering"
    if _creeps(f):
        return "creeping"
    return "crossing" if f["full"] and (f["alpha"] or 0) > AT else "falling"


def _loss(f: Figures) -> str:
    name = "objective" if f["penalised"] else "loss"
    return name if f["full"] else f"mean {name} of the batches"


def _moves(f: Figures) -> str | None:
    """falls, rises or stays: beyond what batches, or rounding, make of themselves; None where batches are too few."""
    if not f["full"]:
        fell = 0.0 if f["whole"] is None else f["whole_first"] - f["whole"]
        clear = fell > 0 and fell >= CLEAR * max(abs(f["whole_first"]), abs(f["start"]))
        return "falls" if clear and f["moves"] == "stays" else f["moves"]
    fall, least = f["first"] - f["last"], AS_PRINTED * abs(f["first"])
    return "falls" if fall > least else "rises" if -fall > least else "stays"


def _unstable(f: Figures) -> bool:
    return f.get("stable_rate") is not None and f["rate"] > f["stable_rate"]


def _creeps(f: Figures) -> bool:
    tiny = f.get("stable_rate") is not None and f["rate"] < CREEPS * f["stable_rate"]
    return tiny and (f["full"] or f["last"] > HIGH * f["start"])


def _now(f: Figures) -> float | None:
    """The objective over all training rows; None where batches hide it."""
    return f["last"] if f["full"] else f["whole"]


def _arrived(f: Figures) -> bool | None:
    """At the exact answer where it is known, else where the gradient is as good as flat; None where batches hide it."""
    if f["optimum"] is not None and _now(f) is not None:
        above = _now(f) - f["optimum"]
        return above <= NEAR * abs(f["start"] - f["optimum"]) + AS_PRINTED * abs(f["optimum"])
    return f["gradient_norm"] <= FLAT * f["steepest"] if f["full"] else None


def _window(f: Figures) -> str:
    if f["window"] == 1:
        return "With the last update"
    if f["full"]:
        return f"Over the last {count(f['window'])} updates"
    return f"From the first to the second half of the last {count(f['window'] + 1)} batches"


def _rows(f: Figures) -> str:
    return f"over all {count(f['rows_of'])} training rows"


def _in_all(f: Figures) -> str | None:
    """How the loss over all rows moved over the window, where it is known and moved as the batches' means did."""
    if f["whole"] is None or (f["whole"] < f["whole_first"]) != (_moves(f) == "falls"):
        return None
    name = "objective" if f["penalised"] else "loss"
    went = "went down" if f["whole"] < f["whole_first"] else "rose"
    part = f", by {share(1 - f['whole'] / f['whole_first'])}" if went == "went down" and f["whole_first"] > 0 else ""
    words = f"from {number(f['whole_first'])} to {number(f['whole'])}{part}"
    return f"Over the last {count(f['window'])} updates the {name} {_rows(f)} {went} {words}."


def _from_to(f: Figures) -> str:
    return f"from {number(f['first'])} to {number(f['last'])}"


def _down(f: Figures) -> str:
    if (said := _in_all(f)) is not None:
        return said
    part = (f["first"] - f["last"]) / abs(f["first"]) if f["first"] else 0.0
    return f"{_window(f)} the {_loss(f)} went down {_from_to(f)}, by {share(part)}."


def _not_down(f: Figures) -> str:
    if _moves(f) == "rises":
        return _in_all(f) or f"{_window(f)} the {_loss(f)} rose {_from_to(f)}."
    if f["full"]:
        return f"{_window(f)} the {_loss(f)} stayed at {number(f['last'])}."
    before = f"{number(f['first'])} in the first half of the last {count(f['window'] + 1)} batches"
    rows = f"{count(f['batch'])} {'row' if f['batch'] == 1 else 'rows'}"
    return (
        f"The {_loss(f)} hovers at {number(f['last'])} ({before}): batches of {rows} let it move by up to "
        f"{number(BEYOND * f['noise'], 2)} by chance."
    )


def _valley(f: Figures) -> str:
    return "the valley" if f["full"] else "its own batch's valley"


def _side(f: Figures) -> str:
    alpha = f["alpha"]
    if abs(alpha) <= AT:
        return f"The last update ended on the floor of {_valley(f)}, as far as its own direction goes."
    if alpha <= -1:
        return "The last update led down a slope that gets steeper: no floor is in sight in its direction."
    return f"The last update went {share(1 + alpha)} of the way to the floor of {_valley(f)}, in its own direction."


def _crossed(f: Figures) -> str:
    high = "higher than" if f["alpha"] > 1 + AT else "as high as" if f["alpha"] > 1 - AT else "lower than"
    return (
        f"The last update crossed {_valley(f)}: beyond its floor it ended {high} where it began "
        f"({number(f['alpha'], 2)} of the way up again)."
    )


def _beside(f: Figures) -> str:
    """The objective and the exact answer's, on the same rows, and how far apart they are."""
    name = "objective" if f["penalised"] else "loss"
    value, least, apart = apart_of(_now(f) or 0.0, f["optimum"])
    which = f"the {name}" if f["full"] else f"{_rows(f)} the {name}"
    if apart == "0" or apart.startswith("−"):  # below it, by rounding alone
        return f"{which} is {least}, that of the exact answer"
    return f"{which} is {value}, {apart} above the exact answer's {least}"


def _beside_now(f: Figures) -> str:
    return f"{_beside(f)[0].upper()}{_beside(f)[1:]}."


def _there(f: Figures) -> str:
    if f["optimum"] is not None:
        return f"The minimum is reached: {_beside(f)}." if f["full"] else _beside_now(f)
    part = f["gradient_norm"] / f["steepest"] if f["steepest"] else 0.0
    return f"It is nearly flat here: the gradient's norm is {share(part)} of the longest so far. A minimum is reached."


def _not_there(f: Figures) -> str:
    if f["optimum"] is not None:
        flat = f["full"] and f["gradient_norm"] <= FLAT * f["steepest"]
        why = " Yet it is nearly flat here, so that updates are short." if flat else ""
        return f"{_beside_now(f)}{why}"
    part = f["gradient_norm"] / f["steepest"]
    return f"The gradient still has {share(part)} of the longest norm so far: there is further to go."


def _one_update(f: Figures) -> str:
    after, before, apart = apart_of(f["whole"], f["whole_before"])
    made = f"stayed at {after}" if apart == "0" else f"{'rose' if apart[0] != '−' else 'fell'} from {before} to {after}"
    name, rows = "objective" if f["penalised"] else "loss", "row" if f["batch"] == 1 else "rows"
    return f"With the last update, made of {count(f['batch'])} {rows}, the {name} {_rows(f)} {made}."


def _limit(f: Figures) -> str:
    own = "2 / lambda_max" if f["rule"] == "plain" else f"for {f['rule']}"
    return f"the largest stable one here, about {number(f['stable_rate'], 3)} ({own})"


def _wide(f: Figures) -> str:
    return f"The rate {number(f['rate'])} is {share(f['rate'] / f['stable_rate'])} of {_limit(f)}"


def _slow(f: Figures) -> str:
    if f["rule"] != "plain":
        return f"{_wide(f)}: too small to see it move."
    part = share(2 * f["rate"] / f["stable_rate"])
    return f"{_wide(f)}: even where it is steepest, an update goes {part} of the way to the floor."


def _told(f: Figures) -> bool:
    return f["window"] > 0 and _moves(f) is not None and math.isfinite(f["first"] + f["last"])


CLAIMS = (
    Claim(
        "going-down",
        lambda f: _moves(f) == "falls" if _told(f) else None,
        _down,
        _not_down,
    ),
    Claim(
        "crosses-the-valley", lambda f: None if f["alpha"] is None else f["alpha"] > AT, _crossed, _side, usual=False
    ),
    Claim(
        "last-update",
        lambda f: None if f["whole"] is None or f["step"] == 0 else f["whole"] < f["whole_before"],
        _one_update,
        _one_update,
    ),
    Claim(
        "at-the-minimum",
        lambda f: _arrived(f) if math.isfinite(f["last"]) and f["step"] > 0 else None,
        _there,
        _not_there,
        usual=False,
    ),
    Claim(
        "rate-is-stable",
        lambda f: None if f.get("stable_rate") is None else not _unstable(f),
        lambda f: f"{_wide(f)}: updates do not grow by themselves.",
        lambda f: f"The rate {number(f['rate'])} is above {_limit(f)}: each update overshoots further than the last.",
    ),
    Claim(
        "rate-moves",
        lambda f: None if f.get("stable_rate") is None else not _creeps(f),
        lambda f: f"{_wide(f)}, enough to see it move.",
        _slow,
    ),
)
