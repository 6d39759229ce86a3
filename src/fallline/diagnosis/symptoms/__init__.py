"""All symptoms, one predicate each, grouped by what they are symptoms of. They need no JAX.

The order is that of the examination: causes before their consequences, the gravest first.
"""

from __future__ import annotations

from fallline.diagnosis.detector import Detector
from fallline.diagnosis.symptoms import data, fit, gradient, outcome, rate, units

ORDER = (
    "diverged",
    "wrong-output",
    "leaking-feature",
    "unlearnable",
    "symmetric-start",
    "exploding-gradient",
    "rate-too-large",
    "oscillating",
    "dead-units",
    "saturated",
    "vanishing-gradient",
    "rate-too-small",
    "badly-scaled",
    "target-scale",
    "stopped-early",
    "overfitting",
    "worse-than-trivial",
    "too-weak",
    "noise-floor",
    "loss-metric-disagree",
    "class-imbalance",
    "duplicate-feature",
    "constant-feature",
)
_ALL: dict[str, Detector] = (
    rate.DETECTORS | gradient.DETECTORS | units.DETECTORS | data.DETECTORS | fit.DETECTORS | outcome.DETECTORS
)
DETECTORS = tuple(_ALL[name] for name in ORDER)
