"""How curved the loss is, said in words. The thresholds are this file's own unless a source stands beside them."""

from __future__ import annotations

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, number, share

WELL = 10.0  # condition up to which one rate suits all directions: the flattest needs ten times the steps, no more
AT = 0.1  # of the way to the floor: an alpha nearer to 0 than this is called on it
ADAPTIVE = ("adagrad", "rmsprop", "adam", "adamw", "lion")


def over_rows(f: Figures) -> str:
    """Which rows were looked at, as the end of a clause; nothing for a loss that has none of its own.

    >>> over_rows({"rows": 20, "rows_of": 20}), over_rows({"rows": 20, "rows_of": 1000})
    (', over all 20 training rows', ', over 20 of the 1,000 training rows')
    """
    if f["rows_of"] <= 1:
        return ""
    rows, of = count(f["rows"]), count(f["rows_of"])
    return f", over {f'all {rows}' if rows == of else f'{rows} of the {of}'} training rows"


def after(step: int) -> str:
    """When it was looked at.

    >>> after(0), after(1200)
    ('at the random start', 'after step 1,200')
    """
    return "at the random start" if step == 0 else f"after step {count(step)}"


def limit_unknown(f: Figures) -> str:
    """Why the run's rule has no stable rate to compare with; nothing where it has."""
    if f["stable_rate"] is not None:
        return ""
    if f["plain_rate"] is None:
        return "The loss bends upwards in no direction here, so that curvature sets the rate no limit."
    name = f["rule"].partition(":")[0]
    if name in ADAPTIVE:
        return (
            f"{name} scales every parameter's step by itself. Its limit is set by the curvature after that scaling, "
            f"which was not measured; {number(f['plain_rate'])} would be the limit of the plain rule."
        )
    return f"No limit of its rate is known for {name}; {number(f['plain_rate'])} would be that of the plain rule."


def begin(f: Figures) -> str:
    """When it was looked at, as the start of a sentence."""
    return after(f["step"]).capitalize()


def _limit(f: Figures) -> str:
    name = f["rule"].partition(":")[0]
    own = "" if name == "plain" else f" with {f['rule']}"
    largest = f"the loss bends most strongly with a curvature of {number(f['lambda_max'])}"
    return f"{begin(f)} {largest}{over_rows(f)}, so a rate{own} is stable up to about {number(f['stable_rate'])}"


def _stable(f: Figures) -> str:
    part = f["rate"] / f["stable_rate"]
    of = f"{share(part)} of that" if part >= 1e-3 else "less than a thousandth of that"
    return f"{_limit(f)}. The run's rate of {number(f['rate'])} is {of}."


def _unstable(f: Figures) -> str:
    return (
        f"{_limit(f)}. The run's rate of {number(f['rate'])} is {number(f['rate'] / f['stable_rate'], 3)} times that: "
        "along the steepest direction each step would end higher on the other side, if the loss went on bending so."
    )


def _condition(f: Figures) -> float | None:
    return f["condition"] if f["condition"] is not None else f["bent_condition"]


def _flat(f: Figures) -> str:
    if f["condition"] is not None or not f["flat"]:
        return ""
    many = f"{count(f['flat'])} directions are" if f["flat"] > 1 else "1 direction is"
    return f"{many} flat altogether: moving that way leaves the loss as it is, and no answer is the only one. "


def _well(f: Figures) -> str:
    return (
        f"{_flat(f)}The steepest direction bends {number(_condition(f), 3)} times as strongly as the flattest that "
        "bends upwards: one rate suits them all."
    )


def _badly(f: Figures) -> str:
    times = number(_condition(f), 3)
    return (
        f"{_flat(f)}The steepest direction bends {times} times as strongly as the flattest that bends upwards. A rate "
        f"small enough for the steepest is small for the flattest: along it the way takes about {times} times as many "
        "steps."
    )


def _well_conditioned(f: Figures) -> bool | None:
    condition, bends_down = _condition(f), f["lambda_min"] < -f["error"]
    return None if condition is None or bends_down else condition <= WELL


def _convex(f: Figures) -> bool | None:
    nothing_bends = max(abs(f["lambda_max"]), abs(f["lambda_min"])) <= f["error"]
    return None if nothing_bends else f["lambda_min"] >= -f["error"]


def _valley(f: Figures) -> str:
    low = number(f["lambda_min"] if f["lambda_min"] > f["error"] else 0)
    if f["exact"]:
        return (
            f"{begin(f)} no direction bends down (the least curvature of all is {low}): the model stands in a valley."
        )
    return (
        f"{begin(f)} no direction that bends down was found (the least curvature found is {low}): as far as could be "
        "seen, the model stands in a valley."
    )


def _saddle(f: Figures) -> str:
    if f["lambda_max"] <= f["error"]:
        return f"{begin(f)} the loss bends down (most: {number(f['lambda_min'])}) and in no direction up: a hilltop."
    return (
        f"{begin(f)} the loss bends up in some directions (most: {number(f['lambda_max'])}) and down in others (most: "
        f"{number(f['lambda_min'])}), like a saddle: it is not one valley all around."
    )


def _where(alpha: float) -> str:
    if alpha < -AT:
        part = share(1 + alpha) if alpha > -0.9995 else "less than 0.1%"
        return f"stopped short of the valley's floor: it went {part} of the way to it"
    if alpha <= AT:
        return "ended about on the valley's floor"
    if alpha <= 1:
        return f"went past the valley's floor and up the other side: {share(1 + alpha)} of the way to the floor"
    return f"ended higher than it began: {number(1 + alpha, 3)} times as far as the valley's floor"


def _alphas(f: Figures) -> str:
    looked = f"Of {count(f['alphas'])} steps looked at, the typical one {_where(f['alpha'])}, along its own direction"
    if f["alpha_all"] is None or f["alpha_all"] == f["alpha"]:
        return f"{looked}."
    said = f"{looked} and on the rows that it saw."
    if not f["uphill_all"]:
        return f"{said} Over all rows it {_where(f['alpha_all'])}."
    up, all_steps = count(f["uphill_all"]), count(f["alphas"] + f["uphill"])
    others = f"of the others the typical one {_where(f['alpha_all'])}"
    return f"{said} Over all rows, {up} of {all_steps} steps began uphill; {others}."


CLAIMS = (
    Claim(
        "stable-rate",
        lambda f: None if f["stable_rate"] is None else f["rate"] < f["stable_rate"],
        _stable,
        _unstable,
    ),
    Claim("conditioning", _well_conditioned, _well, _badly),
    Claim("convex", _convex, _valley, _saddle),
    Claim("valley-floor", lambda f: None if f["alpha"] is None else f["alpha"] <= AT, _alphas, _alphas),
)
