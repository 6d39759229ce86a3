"""Symptoms of the learning rate: what the loss does from step to step, and what some further steps would have done."""

from __future__ import annotations

import numpy as np

from fallline.diagnosis.detector import Detector
from fallline.diagnosis.diagnosis import Symptom
from fallline.diagnosis.look import Look
from fallline.diagnosis.series import TINY, blocks, longest, noise, peaks, swings, tail
from fallline.numbers import count, number, share

EXPLODED = 10.0  # times the first loss, and rising: no step will bring it back
FLIPS = 10  # steps in a row
NEAR_LIMIT = 0.8  # Cockpit's alpha: 0 is the valley's floor, 1 as high on the far side as before
TURNS = 0.8  # of the places in a series; 2/3 in white noise
WIDE = 0.1  # of the loss
SWINGS = 3  # up and down again
ABOVE_START = 2.0  # times the loss of the start
LOST = 0.5  # of the start's loss: a training that ends above that has not got over it
LEARNED = 0.9  # of what the trivial predictor loses, where that is known: the same
MATTERS = 0.05  # of what the trivial predictor loses: a difference for which a rate is called too large
MISSED = 0.1  # of it: what a larger rate gains for which one is called too small
SHOWS = 0.05  # of the held-out loss, that goes away with the excess
EXCESS = 0.1  # of the loss, that goes away when the rate is led to nothing: Widrow's 10% misadjustment
COUNTS = 0.01  # of what the trivial predictor loses: below that an excess is not worth a word
GAINED = 0.1  # of the loss, that a rate thirty times as large or more takes away in the same steps
QUICKER = 3.0  # times the fall at the rate as it was
PROGRESS = 0.01  # of the loss that it falls from the third to the last quarter, beyond its noise: it does not hover yet
CRAWLS = 0.1  # of its start is all that a loss fell


def diverged(look: Look) -> Symptom | None:
    """Training ended because its loss exploded or was no number, or a curve does."""
    loss = look.loss
    broken = ~np.isfinite(loss)
    first = float(loss[0])
    if look.figures.get("ended") == "diverged" or broken.any():
        place = int(np.argmax(broken)) if broken.any() else len(loss) - 1
        worst = float(loss[place])
        text = f"The loss went from {number(first)} to {number(worst)} at {look.unit} {count(int(look.steps[place]))}."
    else:
        last = float(np.mean(loss[-max(1, len(loss) // 10) :]))
        if not (last > EXPLODED * abs(first) + TINY and loss[-1] >= 0.5 * loss.max()):
            return None
        place, worst = len(loss) - 1, float(loss[-1])
        text = f"The loss rose from {number(first)} to {number(worst)}, and was still near its highest at the end."
    rose = np.flatnonzero(loss[: place + 1] > 2 * abs(first))
    begin = int(rose[0]) if len(rose) else place
    evidence = {"first_loss": first, "worst_loss": worst, "rate": look.settings.get("rate")}
    limit = look.figures.get("stable")
    if limit is not None:
        evidence["stable_rate"] = limit
        text += f" The rate was {number(evidence['rate'])}; the largest stable one is about {number(limit)}."
    return Symptom(
        "diverged",
        text,
        evidence,
        "the loss or the gradient is no finite number, or a million times the start, or ends 10 times above the start "
        "and near its highest",
        "a quadratic diverges above a rate of 2 / lambda_max (Polyak, Introduction to Optimization, 1987, 1.4)",
        look.between(begin, place),
    )


def rate_too_large(look: Look) -> Symptom | None:
    """Finite, but thrown far above the start, or hovering so high that less rate would at least halve the loss."""
    return _thrown(look) or _hovers_high(look)


def _thrown(look: Look) -> Symptom | None:
    """The loss was thrown far above its start, and did not get over it, or was so again later on."""
    loss = look.finite
    start = abs(look.figures.get("start") or float(loss[0]))
    level = _level(look, loss)
    size = max(1, len(loss) // len(level))
    end = float(np.mean(loss[-max(1, len(loss) // 20) :]))
    trivial = look.checkup.get("trivial_loss")
    got_over = end < LOST * start if trivial is None else end < LEARNED * trivial
    high = level > ABOVE_START * start + 3 * noise(level)
    if got_over:  # thrown at first, and come to lie lower: no harm was done unless it is thrown again
        high &= np.minimum.accumulate(level) < LOST * start
        high[: len(level) // 10] = False
    if not high.any():
        return None
    places = np.flatnonzero(high) * size
    peak = int(places[0] + np.argmax(loss[places[0] : places[0] + size]))
    return Symptom(
        "rate-too-large",
        f"The loss started at {number(start)} and was thrown up to {number(loss[peak])} at {look.unit} "
        f"{count(int(look.steps[peak]))}; in the last twentieth of the training it is {number(end)}.",
        {"start": start, "peak": float(loss[peak]), "end": end, "stretches_above": len(places), "steps_each": size},
        f"the loss (batches: means over 64 rows or more) is above {ABOVE_START:g} times the start, and the "
        f"end is not below {LEARNED:g} of the trivial predictor's loss ({LOST:g} of the start's, where that is not "
        f"known), or it is so after having been below {LOST:g} of the start, in the last nine tenths",
        "a step shorter than 2 / curvature never raises the loss (Nesterov, Introductory Lectures, 2004, 1.2.3)",
        look.between(peak, min(int(places[-1]) + size, len(loss)) - 1),
    )


def _level(look: Look, loss: np.ndarray) -> np.ndarray:
    """The loss itself where every value is that of all rows, else means over 64 rows, or a thousandth."""
    if look.full or look.unit == "epoch":
        return loss
    batch = look.settings.get("batch")
    rows = batch if isinstance(batch, int) else 1 if look.run else 64
    return blocks(loss, max(1, min(1000, len(loss) * rows // 64)))


def excess(look: Look) -> tuple[float, float, float] | None:
    """What leading the rate down to nothing takes off: of what stays, of the trivial loss, of the held-out loss."""
    known = look.checkup
    if not look.known("onward_same", "onward_cooled"):
        return None
    best_kept = look.figures.get("ended") == "patience" or look.settings.get("average")
    level = "now" if best_kept else "same"  # of weights that were chosen, a hover's mean says nothing
    now, cooled = known[f"onward_{level}"], known["onward_cooled"]
    if not np.isfinite(cooled):
        return None
    scale = known.get("trivial_loss") or abs(look.figures.get("start") or 0.0)
    now = now if np.isfinite(now) else np.inf
    shown = np.inf
    if look.known("onward_held_now"):
        held = known["onward_held_cooled"]
        shown = (known[f"onward_held_{level}"] - held) / max(abs(held), TINY)
    return (now - cooled) / max(abs(cooled), TINY), (now - cooled) / max(abs(scale), TINY), shown


def _hovers_high(look: Look) -> Symptom | None:
    found = excess(look)
    if found is None or not look.loss.size:
        return None
    relative, absolute, shown = found
    if not (relative >= (EXCESS if look.full else 1.0) and absolute >= MATTERS and shown >= SHOWS):
        return None
    if _falls(look):
        return None
    known = look.checkup
    return Symptom(
        "rate-too-large",
        f"Going on for {count(known['onward_steps'])} steps at the rate {number(known['onward_rate'])}, the objective "
        f"stays at {number(known['onward_same'])}; with the rate led down to nothing it falls to "
        f"{number(known['onward_cooled'])}.",
        _onward(look) | {"excess": relative},
        "leading the rate down to nothing takes a tenth off the objective (every step sees every row), or half "
        "(batches), 5% of what the trivial predictor loses, and 5% of the held-out loss",
        "half of the objective is excess where the rate is half the largest that noisy steps stand (Widrow and "
        "Stearns, Adaptive Signal Processing, 1985, chapter 6)",
        look.between(max(0, len(look.loss) - len(look.loss) // 10 - 1), len(look.loss) - 1),
    )


def _onward(look: Look) -> dict[str, float]:
    names = (
        "onward_steps",
        "onward_rate",
        "onward_now",
        "onward_same",
        "onward_cooled",
        "onward_larger",
        "onward_factor",
    )
    held = ("onward_held_now", "onward_held_same", "onward_held_cooled")
    return {name: look.checkup[name] for name in (*names, *held) if name in look.checkup}


def _falls(look: Look) -> bool:
    """Whether the loss still falls by more than its noise at the end: then a hover is no hover yet."""
    known = look.checkup
    if look.known("onward_now", "onward_same", "onward_cooled"):
        fell, above = known["onward_now"] - known["onward_same"], known["onward_same"] - known["onward_cooled"]
        if fell > 0.5 * above and known["onward_steps"] >= 0.2 * len(look.loss):
            return True
    if len(look.finite) < 20:
        return False
    end = tail(look.finite, 0.25)
    return end.fall > PROGRESS and end.surely > 3


def oscillating(look: Look) -> Symptom | None:
    """Each step lands on the other side of the valley and undoes most of the one before."""
    return _to_and_fro(look) or _zigzag(look) or _slow_swings(look)


def _to_and_fro(look: Look) -> Symptom | None:
    """Cockpit's alpha from the record: rate * curvature along the step = 2 (1 + change of the loss / (rate * g'g))."""
    gradient, rate, loss = look.column("gradient_norm"), look.column("rate"), look.loss
    if not (look.full and look.settings.get("rule") == "plain" and look.settings.get("clip") is None):
        return None
    if gradient is None or rate is None or len(loss) <= FLIPS:
        return None
    expected = (rate * gradient**2)[:-1]  # what the first order promises
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = 1 + 2 * np.diff(loss) / expected
        told = expected > 1e-4 * np.abs(loss[:-1])  # below that, rounding is what changes
        place, steps = longest((alpha > NEAR_LIMIT) & told)
    if steps < FLIPS:
        return None
    middle = float(np.median(alpha[place : place + steps]))
    evidence = {"alpha": middle, "steps_in_a_row": steps, "rate": float(rate[place])}
    limit = look.checkup.get("stable_rate")
    said = ""
    if limit:
        evidence["stable_rate"] = limit
        said = f" The rate is {number(rate[place])}; the largest stable one is about {number(limit)}."
    return Symptom(
        "oscillating",
        f"{count(steps)} steps in a row, from step {count(int(look.steps[place]))}, crossed the valley and climbed its "
        f"other side: the next slope was {share(middle)} as steep as the one before, and pointed back.{said}",
        evidence,
        f"alpha above {NEAR_LIMIT} for {FLIPS} steps in a row, where 0 is the valley's floor and 1 as high as before",
        "alpha of Cockpit (Schneider, Dangel and Hennig, NeurIPS 2021), here from the recorded losses and gradients",
        look.between(place, place + steps),
    )


def _zigzag(look: Look) -> Symptom | None:
    """The loss goes up and down from one value to the next, more regularly than noise does."""
    loss = look.finite[-max(20, len(look.finite) // 2) :]
    if len(loss) < 20:
        return None
    found = swings(loss)
    level = float(np.mean(np.abs(loss)))
    if not (found.turns >= TURNS and found.width > WIDE * level):
        return None
    return Symptom(
        "oscillating",
        f"The loss turns round at {share(found.turns)} of the last {count(len(loss))} {look.unit}s, by "
        f"{number(found.width)} each time, at a level of {number(level)}.",
        {"turns": found.turns, "width": found.width, "level": level},
        f"the later half of the losses turns round at {share(TURNS)} of its places or more, by {share(WIDE)} of the "
        "level or more",
        "white noise turns round at 2/3 of its places (Kendall, Time-Series, 1973, chapter 2)",
        look.between(len(look.finite) - len(loss), len(look.finite) - 1),
    )


def _slow_swings(look: Look) -> Symptom | None:
    """The loss swings up and down over many steps, as a heavy ball does."""
    loss = look.finite
    if len(loss) < 20:
        return None
    smooth = blocks(loss, 400)
    reach = float(np.ptp(smooth))
    later = smooth[len(smooth) // 10 :]
    height = max(0.1 * reach, 5 * noise(smooth))
    level = float(np.median(later))
    swung = peaks(later, max(height, WIDE * abs(level)))
    if swung < SWINGS or swings(later).turns > 0.5:
        return None
    return Symptom(
        "oscillating",
        f"After the first tenth of the training the loss swung up and down again {count(swung)} times, by more than "
        f"{number(max(height, WIDE * abs(level)))} each.",
        {"swings": swung, "height": max(height, WIDE * abs(level)), "reach": reach},
        f"at least {SWINGS} times after the first tenth the loss rises by a tenth of all that it moved, 5 times its "
        "noise and a tenth of its level, and falls again",
        "a heavy ball with too much momentum swings with a decay of sqrt(beta) a step (Goh, Distill, 2017)",
        look.between(len(loss) // 10, len(loss) - 1),
    )


def rate_too_small(look: Look) -> Symptom | None:
    """A rate many times as large would have been stable and brought much more in the same steps."""
    return _larger_gains(look) if look.run else _crawls(look)


def _larger_gains(look: Look) -> Symptom | None:
    known = look.checkup
    now, same, larger = known["onward_now"], known["onward_same"], known["onward_larger"]
    if not (np.isfinite(larger) and np.isfinite(same)):
        return None
    scale = known.get("trivial_loss") or abs(look.figures.get("start") or 0.0)
    gained = (same - larger) / max(abs(same), TINY)
    worth = (same - larger) / max(abs(scale), TINY)
    if not (gained >= GAINED and worth >= MISSED and now - larger >= QUICKER * (now - same)):
        return None
    if look.known("onward_held_larger"):
        held = known["onward_held_same"]
        if not held - known["onward_held_larger"] >= GAINED * abs(held):
            return None  # on rows that it does not see, nothing is gained
    evidence = _onward(look) | {"gained": gained}
    limit = ""
    if look.known("stable_rate") and look.settings.get("rule") == "plain":
        evidence["stable_rate"] = known["stable_rate"]
        limit = f" It is {share(known['onward_rate'] / known['stable_rate'])} of 2 / lambda_max."
    return Symptom(
        "rate-too-small",
        f"Going on for {count(known['onward_steps'])} steps at the rate {number(known['onward_rate'])}, the objective "
        f"goes from {number(now)} to {number(same)}; at {known['onward_factor']:g} times that rate to "
        f"{number(larger)}.{limit}",
        evidence,
        f"at 30 times the rate or more the same steps take {share(GAINED)} more off the objective and off the held-out "
        f"loss, {QUICKER:g} times what they took, and {share(MISSED)} of what the trivial predictor loses",
        "a trial of the run itself: same weights, same batches, one change",
        look.between(0, len(look.loss) - 1),
    )


def _crawls(look: Look) -> Symptom | None:
    """A bare curve that falls steadily, hardly, and as fast at its end as all along."""
    loss = look.finite
    if len(loss) < 10:
        return None
    means = blocks(loss, 10)
    change = np.diff(means)
    fell = means[0] - means[-1]
    spread = noise(loss) / np.sqrt(max(1, len(loss) // len(means)))
    if not (0 < fell < CRAWLS * abs(means[0]) and (change < 0).all() and fell > 5 * spread):
        return None
    if change[-1] > 0.5 * change.mean():
        return None
    return Symptom(
        "rate-too-small",
        f"The loss fell steadily, but by {share(fell / abs(means[0]))} in all, and as fast at the end as at the start.",
        {"fell": float(fell / abs(means[0])), "speed_at_the_end": float(change[-1] / change.mean())},
        f"ten equal parts of the curve fall one after the other, by less than {share(CRAWLS)} in all, the last at half "
        "the mean speed or more",
        "far from any floor a loss falls at a speed that hardly changes; AUTOTRAINER's slow convergence (Zhang and "
        "others, ICSE 2021) needs a target instead",
        look.between(0, len(loss) - 1),
    )


def noise_floor(look: Look) -> Symptom | None:
    """The loss hovers above what it could be, because every batch pulls another way and the rate stays as it was."""
    found = excess(look)
    if found is None or look.full or _falls(look):
        return None
    relative, absolute, shown = found
    if not (_steady(look) and relative >= EXCESS and absolute >= COUNTS and shown >= SHOWS):
        return None
    known = look.checkup
    return Symptom(
        "noise-floor",
        f"The objective no longer falls and hovers: {count(known['onward_steps'])} further steps at the rate "
        f"{number(known['onward_rate'])} leave it at {number(known['onward_same'])}, the same batches with the rate "
        f"led down to nothing bring it to {number(known['onward_cooled'])}. {share(relative / (1 + relative))} of it "
        "is the batches' noise.",
        _onward(look) | {"excess": relative, "batch": look.settings.get("batch")},
        f"leading the rate down to nothing takes off {share(EXCESS)} of what stays, 1% of what the trivial predictor "
        f"loses, and {share(SHOWS)} of the held-out loss; the loss does not fall any more; the rate was not led down",
        "misadjustment; 10% is the usual bound (Widrow and Stearns, Adaptive Signal Processing, 1985, chapter 6)",
        look.between(len(look.loss) - max(1, len(look.loss) // 10), len(look.loss) - 1),
    )


def _steady(look: Look) -> bool:
    """Whether the rate at the end is still most of what it was."""
    rate = look.column("rate")
    return rate is None or len(rate) == 0 or bool(rate[-1] > 0.3 * np.max(rate))


DETECTORS = {
    "diverged": Detector("diverged", diverged, ("losses",)),
    "rate-too-large": Detector(
        "rate-too-large", rate_too_large, ("curve",), ("diverged", "wrong-output", "unlearnable")
    ),
    "oscillating": Detector("oscillating", oscillating, ("level",), ("diverged",)),
    "rate-too-small": Detector(
        "rate-too-small", rate_too_small, ("further",), ("diverged", "wrong-output", "symmetric-start")
    ),
    "noise-floor": Detector("noise-floor", noise_floor, ("onward",), ("diverged", "unlearnable")),
}
