"""Symptoms of single units: those that are dead, those that are saturated, those that are all alike."""

from __future__ import annotations

from fallline.diagnosis.detector import Detector
from fallline.diagnosis.diagnosis import Symptom
from fallline.diagnosis.look import Look
from fallline.measurement import Figures
from fallline.numbers import count, share

DEAD = 0.5  # of a layer's units
SATURATED = 0.5  # of a layer's signals
FEWEST = 4  # units: of fewer, half may be so by chance, and a single one may well act as a switch


def dead_units(look: Look) -> Symptom | None:
    """Half of a layer gives 0 on every row: no gradient comes back through it."""
    known = look.checkup
    dead, layer = _worst(known, "dead")
    if dead < DEAD:
        return None
    return Symptom(
        "dead-units",
        f"{share(dead)} of the units of {layer} give 0 on all rows that were looked at: their slope is 0, so that "
        "nothing they are told by comes through.",
        {"dead_share": dead, "layer": layer, "dead_of_each_layer": known["dead"], "at_start": known["dead_at_start"]},
        f"{share(DEAD)} or more of a hidden layer's units are 0 on every row, with the weights that were kept",
        "torchmortem's half; AUTOTRAINER and DeepDiagnosis ask for 70% of the gradients or outputs",
        look.between(0, len(look.steps) - 1) if len(look.steps) else None,
    )


def _worst(known: Figures, which: str) -> tuple[float, str]:
    """The layer of which most is dead or saturated, among those with a few units."""
    layers = zip(known[which], known["layers"], known["units"], strict=False)
    return max(((part, layer) for part, layer, units in layers if units >= FEWEST), default=(0.0, ""))


def saturated(look: Look) -> Symptom | None:
    """Half of a layer's signals lie where the activation is flat."""
    known = look.checkup
    worst, layer = _worst(known, "saturated")
    if worst < SATURATED:
        return None
    activation = known["activation"]
    return Symptom(
        "saturated",
        f"{share(worst)} of the signals of {layer} lie where {activation} is flat (its slope below a twentieth of the "
        f"largest); at the start it was {share(known['saturated_at_start'])} of the worst layer.",
        {"saturated_share": worst, "layer": layer, "at_start": known["saturated_at_start"], "activation": activation},
        f"{share(SATURATED)} or more of a hidden layer's signals have a slope below 5% of the largest, with the "
        "weights that were kept",
        "DeepDiagnosis's half (Wardat and others, ICSE 2022), by the slope in place of its bound of 5 on the input",
        look.between(0, len(look.steps) - 1) if len(look.steps) else None,
    )


def symmetric_start(look: Look) -> Symptom | None:
    """All units of a layer start alike and get the same gradient: they stay one unit."""
    known = look.checkup
    alike = known.get("alike") or []
    if not alike:
        return None
    sizes = dict(zip(known["layers"], known["units"], strict=False))
    named = ", ".join(f"{layer} ({count(sizes[layer])} units)" for layer in alike)
    return Symptom(
        "symmetric-start",
        f"At the start all units of a layer have the same incoming weights: {named}. They get the same gradient and "
        "stay alike, so that each layer learns as one unit.",
        {"layers": alike, "init": look.settings.get("init")},
        "the incoming weights of all units of a hidden layer are equal at the start, to the last bit",
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, 8.4: the start must break symmetry",
        (0, 0),
    )


DETECTORS = {
    "symmetric-start": Detector("symmetric-start", symmetric_start, ("network",)),
    "dead-units": Detector("dead-units", dead_units, ("rectified",), ("symmetric-start", "diverged")),
    "saturated": Detector("saturated", saturated, ("bent",), ("diverged",)),
}
