"""Symptoms of when training ended: too soon, too late, or with a loss and a final measure that disagree."""

from __future__ import annotations

import numpy as np

from fallline.diagnosis.detector import Detector
from fallline.diagnosis.diagnosis import Symptom
from fallline.diagnosis.look import Look
from fallline.diagnosis.series import TINY, noise, tail
from fallline.metrics import LARGER_IS_BETTER
from fallline.numbers import count, number, share

STILL = 0.02  # of its level, and of all that it fell, that a loss falls in the last tenth
SURE = 3.0  # standard errors
OFTEN = 0.2  # of the steps: so many more of them are trial enough
GAINS = 0.05  # of the objective
NO_GAP = 0.05  # of all that varies
WORTH = 0.02  # of what the trivial predictor loses on held-out rows: a smaller rise is nothing
TURNED = 0.1  # of the lowest held-out loss that it rises above it
LEARNT = 0.05  # of the training loss that it falls in the same time
LEARNED = 0.9  # of what the trivial predictor loses: a training loss above that has learned nothing, by heart or not
HALF = 0.5  # of what is explained of training rows: held-out ones less than that
GAP = 0.4  # of all that varies: what is explained of training rows less what is of held-out ones
APART = 0.05  # of the held-out loss
MARGIN = 0.01  # of a measure between 0 and 1
RELATIVE = 0.02  # of another measure
FEWEST = 20  # held-out rows


def stopped_early(look: Look) -> Symptom | None:
    """Steps ran out while the loss still fell, on held-out rows as well."""
    ended = look.figures.get("ended")
    loss = look.finite
    if ended in ("plateau", "patience", "diverged") or len(loss) < 5 or _led_down(look):
        return None
    if look.known("onward_same") and look.checkup["onward_steps"] >= OFTEN * len(look.loss):
        return _went_on(look)
    end = tail(loss)
    reach = abs(float(look.figures.get("start") or loss[: end.rows].mean()) - end.last)
    part = (end.before - end.last) / max(reach, TINY)
    if not (end.fall >= STILL and part >= STILL and end.surely >= SURE):
        return None
    held = _held_fall(look)
    if held is not None and held <= 0:
        return None
    evidence = {"fall_of_last_tenth": end.fall, "part_of_all": part, "held_out_fall": held, "ended": ended}
    also = "" if held is None else f" The loss of held-out rows still fell too, by {share(held)}."
    return Symptom(
        "stopped-early",
        f"In the last tenth of the {count(len(loss))} {look.unit}s the loss still fell by {share(end.fall)}: "
        f"{share(part)} of all that it fell. Nothing but the number of {look.unit}s ended it.{also}",
        evidence,
        f"in the last tenth the loss falls by {share(STILL)} of its level and of all that it fell, {SURE:g} standard "
        "errors; that of held-out rows does not rise",
        "as long again at this speed would add a fifth of all that was gained",
        look.between(len(loss) - end.rows, len(loss) - 1),
    )


def _went_on(look: Look) -> Symptom | None:
    """A short training: some more steps, made, say whether it was over."""
    known = look.checkup
    now, same, cooled = (known[f"onward_{name}"] for name in ("now", "same", "cooled"))
    reach = abs(float(look.figures.get("start") or look.finite[0]) - now)
    fell = now - same
    if not (fell >= GAINS * abs(now) and fell >= STILL * reach and same <= cooled + 0.5 * fell):
        return None
    names = ("onward_steps", "onward_rate", "onward_now", "onward_same", "onward_cooled")
    held, also = None, ""
    if look.known("onward_held_now"):
        held = 1 - known["onward_held_same"] / max(known["onward_held_now"], TINY)
        if held < STILL:
            return None
        also = f" That of held-out rows falls as well, by {share(held)}."
    return Symptom(
        "stopped-early",
        f"After its {count(len(look.loss))} steps, {count(known['onward_steps'])} more at the rate "
        f"{number(known['onward_rate'])} bring the objective from {number(now)} to {number(same)}.{also}",
        {name: known[name] for name in names} | {"held_out_fall": held},
        f"some more steps, a fifth of those that were made or more, take {share(GAINS)} off the objective, and "
        f"{share(STILL)} of all that it fell, and so on held-out rows",
        "a trial of the run itself: same weights, same rate, the batches that would have come next",
        look.between(0, len(look.loss) - 1),
    )


def _led_down(look: Look) -> bool:
    """Whether the rate was led to nearly nothing, so that a fall at the end is owed to that."""
    rate = look.column("rate")
    return rate is not None and len(rate) > 0 and bool(rate[-1] < 0.1 * np.max(rate))


def _held_fall(look: Look) -> float | None:
    """The relative fall of the held-out loss over its last tenth; None when there were too few looks."""
    if look.held is None:
        return None
    losses = look.held.loss[np.isfinite(look.held.loss)]
    return tail(losses).fall if len(losses) >= 4 else None


def overfitting(look: Look) -> Symptom | None:
    """Held-out loss turned and rose while training loss fell on; or only the training rows are known."""
    if look.figures.get("ended") == "patience":
        return None  # the weights of the lowest held-out loss are kept
    return _turned(look) or _memorised(look)


def _turned(look: Look) -> Symptom | None:
    held = look.held
    there = np.isfinite(held.loss) if held is not None else np.zeros(0, bool)
    if held is None or there.sum() < 4:
        return None
    steps, losses = held.steps[there], held.loss[there]
    width = max(1, len(losses) // 20)
    smooth = np.convolve(losses, np.ones(width) / width, "valid")
    best = int(np.argmin(smooth))
    low, last = float(smooth[best]), float(losses[-max(1, len(losses) // 10) :].mean())
    rise = (last - low) / max(abs(low), TINY)
    turn = float(steps[min(best + width // 2, len(steps) - 1)])
    known = look.checkup
    scale = known.get("held_trivial_loss") or abs(float(losses[0]))
    if rise < TURNED or last - low < max(SURE * noise(losses), WORTH * scale) or turn > 0.9 * steps[-1]:
        return None
    if look.known("train_skill", "held_skill") and known["train_skill"] - known["held_skill"] < NO_GAP:
        return None  # it does as well on rows that it did not see
    fell, then, end = _fell_since(look, turn)
    level = known.get("trivial_loss") or float(look.loss[0])
    if fell < LEARNT or not end < LEARNED * level:
        return None
    return Symptom(
        "overfitting",
        f"The loss of held-out rows was lowest at {look.unit} {count(int(turn))} ({number(low)}) and is {number(last)} "
        f"at the end, while that of training rows fell from {number(then)} to {number(end)}: what was learned since "
        "holds for those rows only.",
        {"turned": int(turn), "lowest": low, "last": last, "rise": rise, "training_fell": fell},
        f"held-out loss ends {share(TURNED)} or more, and {SURE:g} times its noise, above its lowest, while training "
        f"loss falls by {share(LEARNT)} or more",
        "generalisation loss (Prechelt, Early Stopping - But When?, 1998); he stops at 1 to 5%, this is twice as much",
        (int(turn), int(steps[-1])),
    )


def _fell_since(look: Look, step: float) -> tuple[float, float, float]:
    """The relative fall of the training loss since a step, and its levels then and at the end."""
    loss = look.finite
    if len(loss) == 0:
        return 0.0, float("nan"), float("nan")
    width = max(1, len(loss) // 20)
    place = int(np.searchsorted(look.steps[: len(loss)], step))
    then = float(loss[max(0, place - width) : place + width].mean()) if place < len(loss) else float(loss[-1])
    end = float(loss[-width:].mean())
    return (then - end) / max(abs(then), TINY), then, end


def _memorised(look: Look) -> Symptom | None:
    """Much more is explained of the rows that were trained on than of others."""
    known = look.checkup
    if not look.known("train_skill", "held_skill") or known["held_rows"] < FEWEST:
        return None
    train, held = known["train_skill"], known["held_skill"]
    if not (train >= GAP and train - held >= GAP and held < HALF * train):
        return None
    names = ("train_skill", "held_skill", "train_loss", "held_loss", "held_trivial_loss", "held_rows")
    return Symptom(
        "overfitting",
        f"The model explains {share(train)} of the training rows' squared error, and of held-out rows "
        f"{share(held) if held > 0 else 'none'}: most of what it learned holds for the rows that it saw only.",
        {name: known.get(name) for name in names},
        f"less than {share(HALF)} as much is explained of held-out rows as of training rows, and {share(GAP)} of all "
        "that varies less",
        "the gap between training and held-out error (Goodfellow, Bengio and Courville, Deep Learning, 2016, 5.2)",
    )


def loss_metric_disagree(look: Look) -> Symptom | None:
    """What training minimises and what a person asks for go opposite ways on held-out rows."""
    held = look.held
    if held is None:
        return None
    there = np.isfinite(held.loss) & np.isfinite(held.metric)
    if there.sum() < 4:
        return None
    sign = 1.0 if held.larger_is_better else -1.0
    steps, losses, goods = held.steps[there], held.loss[there], sign * held.metric[there]
    width = max(1, len(losses) // 10)
    smooth_loss, smooth_good = (np.convolve(a, np.ones(width) / width, "valid") for a in (losses, goods))
    margin = max(_margin(look, held.metric[there]), SURE * noise(goods) * np.sqrt(2 / width))
    trivial = look.checkup.get("held_trivial_loss", np.inf)
    for best in (int(np.argmin(smooth_loss)), int(np.argmax(smooth_good))):
        rise = (smooth_loss[-1] - smooth_loss[best]) / max(abs(smooth_loss[best]), TINY)
        sure = abs(smooth_loss[-1] - smooth_loss[best]) > SURE * noise(losses) * np.sqrt(2 / width)
        better = smooth_good[-1] - smooth_good[best]
        if _of_classes(held.name) and min(smooth_loss[-1], smooth_loss[best]) > trivial:
            continue  # nothing was learned either way, and rows that are guessed change sides in crowds
        if abs(rise) >= APART and sure and abs(better) >= margin and (rise > 0) == (better > 0):
            then, now = sign * smooth_good[best], sign * smooth_good[-1]
            at = int(steps[best])
            evidence = {"from": at, "metric": held.name, "metric_then": float(then), "metric_now": float(now),
                        "loss_then": float(smooth_loss[best]), "loss_now": float(smooth_loss[-1])}  # fmt: skip
            return Symptom(
                "loss-metric-disagree",
                f"From {look.unit} {count(at)} on, the loss of held-out rows went from {number(smooth_loss[best])} to "
                f"{number(smooth_loss[-1])}, which is {'worse' if rise > 0 else 'better'}, and their "
                f"{held.name} from {number(then)} to {number(now)}, which is {'better' if rise > 0 else 'worse'}.",
                evidence,
                f"since the best held-out loss, or the best measure, one got {share(APART)} worse or better and the "
                f"other went the opposite way by {number(margin)}, each {SURE:g} times its noise",
                "log loss counts how sure a wrong answer is, accuracy that it is wrong (Guo and others, ICML 2017)",
                (at, int(steps[-1])),
            )
    return None


def _margin(look: Look, metric: np.ndarray) -> float:
    """A change of the measure that is worth a word: beyond what a tenth of the rows changing sides does by chance."""
    if not _of_classes(look.held.name if look.held else ""):
        return RELATIVE * float(np.median(np.abs(metric)))
    rows = ((look.run.get("data") or {}).get("rows") or {}).get("validation")
    return max(MARGIN, 2 * np.sqrt(0.1 / rows)) if rows else MARGIN


def _of_classes(measure: str) -> bool:
    """Whether a measure counts rows on their right side: between 0 and 1, and moved by single rows."""
    return any(word in measure.lower() for word in (*LARGER_IS_BETTER, "acc")) and "r2" not in measure.lower()


DETECTORS = {
    "stopped-early": Detector(
        "stopped-early",
        stopped_early,
        ("curve",),
        ("diverged", "rate-too-small", "symmetric-start", "vanishing-gradient", "saturated", "badly-scaled"),
    ),
    "overfitting": Detector("overfitting", overfitting, ("held",), ("diverged",)),
    "loss-metric-disagree": Detector("loss-metric-disagree", loss_metric_disagree, ("metric",), ("diverged",)),
}
