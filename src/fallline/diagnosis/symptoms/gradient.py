"""Symptoms of the gradient on its way through the layers."""

from __future__ import annotations

import numpy as np

from fallline.diagnosis.detector import Detector
from fallline.diagnosis.diagnosis import Symptom
from fallline.diagnosis.look import Look
from fallline.numbers import count, number

VANISHED = 1e-3  # the first layer's gradient against the last one's: AUTOTRAINER's
FADING = 1e-2  # the same, where besides nothing was learned
FAINT = 1e-4  # a gradient's norm, with a target of standard deviation 1: AUTOTRAINER's
LEARNED = 0.9  # of what the trivial predictor loses: above that nothing was learned
GROWN = 10.0  # times the features: what the last hidden layer hands on
STEEP = 100.0  # a gradient's norm, with a target of standard deviation 1; layers that keep a signal's size give 1 to 10
SPIKE = 100.0  # times the largest of the first ten norms


def vanishing(look: Look) -> Symptom | None:
    """The gradient hardly reaches the first layer, or any layer, and nothing is learned."""
    if not look.checkup:
        return _faint_all_along(look)
    layers, known = look.layers("gradient"), look.checkup
    learned = _learned(look)
    ratio = known.get("start_first_to_last")
    if len(layers) >= 2:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (layers[0] / layers[-1])[: max(1, len(layers[0]) // 2)]
        ratios = ratios[np.isfinite(ratios)]
        ratio = float(np.median(ratios)) if len(ratios) else ratio
    steps = look.between(0, max(0, len(look.loss) // 2 - 1)) if len(look.loss) else None
    if ratio is not None and (ratio < VANISHED or (ratio < FADING and not learned)):
        evidence = {"first_to_last": ratio, "layers": known["layers"], "start_gradients": known["start_gradients"]}
        return Symptom(
            "vanishing-gradient",
            f"The first layer's gradient is {number(ratio)} times as long as the last layer's (the middle of the first "
            f"half of the training): the early layers hardly learn.",
            evidence,
            f"the first layer's gradient norm is below {VANISHED:g} of the last one's, or below {FADING:g} while the "
            f"loss stays above {LEARNED:g} of the trivial predictor's",
            "AUTOTRAINER's ratio (Zhang and others, ICSE 2021), without its bound on the norm, which depends on units",
            steps,
        )
    norm = known["start_gradient_norm"] / _unit(look)
    if norm < FAINT and not learned:
        return Symptom(
            "vanishing-gradient",
            f"At the start the gradient's norm is {number(norm)} in units of the target's standard deviation: the "
            "signal dies away on its way through the layers.",
            {"start_gradient_norm": known["start_gradient_norm"], "in_units_of_the_target": norm},
            f"at the start the gradient's norm is below {FAINT:g}, and the loss stays above {LEARNED:g} of the trivial "
            "predictor's",
            "AUTOTRAINER's bound on the norm (Zhang and others, ICSE 2021)",
            steps,
        )
    return None


def _faint_all_along(look: Look) -> Symptom | None:
    """A bare curve: a gradient of nearly nothing from the start, and a loss that does not move."""
    norms, loss = look.column("gradient_norm"), look.finite
    if norms is None or len(loss) < 5 or not np.isfinite(norms).any():
        return None
    middle = float(np.nanmedian(norms))
    start = float(np.nanmax(norms[: max(3, len(norms) // 10)]))
    if not (start < FAINT and abs(loss[-1]) >= LEARNED * abs(loss[0])):
        return None
    return Symptom(
        "vanishing-gradient",
        f"The gradient's norm is {number(start)} from the start ({number(middle)} in the middle), and the loss does "
        "not move.",
        {"start_gradient_norm": start, "middle": middle, "first_loss": float(loss[0]), "last_loss": float(loss[-1])},
        f"the gradient's norm starts below {FAINT:g} while the loss stays above {LEARNED:g} of its start",
        "AUTOTRAINER's bound on the norm (Zhang and others, ICSE 2021)",
        look.between(0, len(loss) - 1),
    )


def exploding(look: Look) -> Symptom | None:
    """The gradient grows on its way through the layers, or jumps far above all that it was."""
    if look.settings.get("clip") is not None:
        return None  # it is dealt with
    known = look.checkup
    if known.get("hidden") and known.get("signal_growth") is not None:
        norm = known["start_gradient_norm"] / _unit(look)
        growth = known["signal_growth"]
        if norm > STEEP and growth > GROWN:
            return Symptom(
                "exploding-gradient",
                f"At the start the gradient's norm is {number(norm)} in units of the target's standard deviation, and "
                f"the last hidden layer's signal {number(growth)} times as large as the features: each layer "
                "enlarges it.",
                {"start_gradient_norm": known["start_gradient_norm"], "in_units_of_the_target": norm,
                 "signal_growth": growth},
                f"at the start the gradient's norm is above {STEEP:g} and the signal grows {GROWN:g} times or more "
                "through the hidden layers",
                "torchmortem's factor of 100 between layers, here against a start that keeps signals at their size "
                "(He and others, 2015, arXiv:1502.01852)",
                (int(look.steps[0]), int(look.steps[0])) if len(look.steps) else None,
            )  # fmt: skip
    norms = look.column("gradient_norm")
    if norms is None or len(norms) < 20:
        return None
    if look.run and (not known.get("hidden") or look.figures.get("ended") == "diverged"):
        return None  # of one layer a gradient grows with the rows or the weights, not on its way
    return _jumps(look, norms)


def _jumps(look: Look, norms: np.ndarray) -> Symptom | None:
    with np.errstate(invalid="ignore"):
        first = float(np.nanmax(np.where(np.isfinite(norms[:10]), norms[:10], np.nan))) if len(norms) else np.nan
        high = ~(norms <= SPIKE * first) if first > 0 else np.zeros(len(norms), bool)
    high &= ~np.isnan(norms)
    if not high.any():
        return None
    place = int(np.argmax(high))
    return Symptom(
        "exploding-gradient",
        f"At {look.unit} {count(int(look.steps[place]))} the gradient's norm is {number(norms[place])}, where the "
        f"largest of the first ten was {number(first)}.",
        {"gradient_norm": float(norms[place]), "largest_of_the_first_ten": first, "times": int(high.sum())},
        f"a gradient's norm is above {SPIKE:g} times the largest of the first ten",
        "AUTOTRAINER's growth of 70 (Zhang and others, ICSE 2021) and torchmortem's of 100, against the start",
        look.between(place, int(len(norms) - 1 - np.argmax(high[::-1]))),
    )


def _learned(look: Look) -> bool:
    """Whether the loss got clearly below the trivial predictor's, or below its start where there is none."""
    known = look.checkup
    level = known.get("trivial_loss")
    end = known.get("train_loss", known.get("objective_end"))
    if level is None:
        level = known.get("objective_start")
    return end is None or level is None or not np.isfinite(end) or end < LEARNED * level


def _unit(look: Look) -> float:
    """The target's standard deviation as trained on; 1 for classes."""
    return float(look.checkup.get("target_sd") or 1.0)


DETECTORS = {
    "vanishing-gradient": Detector(
        "vanishing-gradient", vanishing, ("layered",), ("symmetric-start", "dead-units", "saturated", "diverged")
    ),
    "exploding-gradient": Detector("exploding-gradient", exploding, ("gradient",)),
}
