"""Every symptom is found where it is so, and nowhere else; what can't be told is not checked, and why is said."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.looks import BENT, CLASSES, FALL, STEPS, N, look
from fallline.diagnosis.detector import examine
from fallline.diagnosis.look import Look
from fallline.diagnosis.symptoms import DETECTORS, ORDER

DRAW = np.random.default_rng(0)
NOISE = DRAW.normal(size=N)
TURNING = np.concatenate([np.linspace(0.5, 0.2, 20), np.linspace(0.2, 0.4, 40)])
HEAVY = {"rule": "momentum:0.99"}
RISING = np.linspace(0.6, 0.8, 60)


def valley(alpha: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Losses, gradient norms and rates of plain descent on w^2 / 2 + 0.1 with rate 1 + alpha, from w = 1."""
    weights = (-alpha) ** np.arange(N)
    return weights**2 / 2 + 0.1, {"gradient_norm": np.abs(weights), "rate": np.full(N, 1 + alpha)}


CROSSING, CROSSED = valley(0.95)
CALM, CALMED = valley(0.5)

# where it is so, and the nearest that is healthy
CASES: dict[str, list[tuple[Look, Look]]] = {
    "diverged": [
        (look(np.append(FALL, np.nan), ended="diverged"), look()),
        (look(np.geomspace(1, 50, 30), bare=True), look(np.linspace(1, 3, 30)[::-1], bare=True)),
    ],
    "wrong-output": [
        (look(target_outside=0.5, output="sigmoid"), look(target_outside=0.001, output="sigmoid")),
        (look(wrong="one side", output="sigmoid"), look(wrong=None, output="sigmoid")),
    ],
    "leaking-feature": [
        (look(telling=["a"], telling_scores=[0.999], others_skill=0.6),
         look(telling=["a"], telling_scores=[0.98], others_skill=0.94)),
        (look(telling=["a"], telling_scores=[1.0], others_skill=0.99, renamed=["a"]),
         look(telling=["a"], telling_scores=[1.0], others_skill=0.99)),
    ],
    "unlearnable": [
        (look(held_chance=0.4, reference_chance=0.3, reference_skill=-0.1, reference_rows=300),
         look(held_chance=0.4, reference_chance=0.005, reference_skill=0.2, reference_rows=300)),
        (look(held_chance=None, reference_chance=0.3, reference_skill=-0.1, reference_rows=300),
         look(held_chance=0.005, reference_chance=0.3, reference_skill=-0.1, reference_rows=300)),
    ],
    "symmetric-start": [(look(alike=["layer1"]), look())],
    "exploding-gradient": [
        (look(start_gradient_norm=1e4, signal_growth=300.0), look(start_gradient_norm=1e4, signal_growth=1.0)),
        (look(columns={"gradient_norm": np.where(STEPS == 200, 500.0, 1.0)}),
         look(columns={"gradient_norm": np.where(STEPS == 200, 50.0, 1.0)})),
    ],
    "rate-too-large": [
        (look(np.where(STEPS == 5, 3.0, FALL), train_loss=0.5, trivial_loss=0.1),
         look(np.where(STEPS == 5, 3.0, FALL))),
        (look(np.where(STEPS == 300, 3.0, FALL)), look(np.where(STEPS == 300, 0.6, FALL))),
        (look(onward_same=0.2, onward_cooled=0.1, onward_held_same=0.2), look(onward_same=0.105, onward_cooled=0.1)),
        (look(np.where(STEPS[:50] == 3, 40.0, 2.3), bare=True), look(np.where(STEPS[:50] == 3, 3.0, 2.3), bare=True)),
    ],
    "oscillating": [
        (look(CROSSING, columns=CROSSED), look(CALM, columns=CALMED)),
        (look(1 + 0.3 * (-1.0) ** STEPS), look(1 + 0.01 * (-1.0) ** STEPS)),
        (look(1 + np.cos(STEPS / 8), settings=HEAVY),
         look(1 + np.cos(STEPS / 8) * np.exp(-STEPS / 10), settings=HEAVY)),
    ],
    "dead-units": [
        (look(dead=[0.0, 0.6]), look(dead=[0.0, 0.4])),
        (look(dead=[1.0], units=[8]), look(dead=[1.0], units=[2])),
    ],
    "saturated": [(look(**BENT | {"saturated": [0.7, 0.0]}), look(**BENT))],
    "vanishing-gradient": [
        (look(columns={"gradient_norm/layer1": np.full(N, 1e-5), "gradient_norm/layer3": np.ones(N)}),
         look(columns={"gradient_norm/layer1": np.full(N, 0.02), "gradient_norm/layer3": np.ones(N)})),
        (look(start_first_to_last=5e-3, train_loss=0.49), look(start_first_to_last=5e-3)),
        (look(start_gradient_norm=1e-6, train_loss=0.5), look(start_gradient_norm=1e-6)),
        (look(np.full(N, 0.7), bare=True, columns={"gradient_norm": np.full(N, 1e-7)}),
         look(FALL, bare=True, columns={"gradient_norm": np.full(N, 1e-7)})),
    ],
    "rate-too-small": [
        (look(onward_now=0.4, onward_same=0.399, onward_larger=0.2, onward_held_same=0.4, onward_held_larger=0.2),
         look(onward_now=0.4, onward_same=0.399, onward_larger=0.2, onward_held_same=0.4, onward_held_larger=0.4)),
        (look(2.3 - 1e-4 * STEPS, bare=True), look(2.3 - 2e-3 * STEPS, bare=True)),
    ],
    "badly-scaled": [
        (look(standardize=False, condition=1e6, largest=1e3), look(standardize=True, condition=1e6, largest=1e3)),
        (look(standardize=False, condition=1e5, smallest=1e-2),
         look(standardize=False, condition=1e5, condition_scaled=5e4, smallest=1e-2)),
    ],
    "target-scale": [
        (look(target_sd=1e5), look(target_sd=9.0, target_mean=23.0)),
        (look(target_sd=1e-4), look(target_sd=1e5, loss="Poisson")),
    ],
    "stopped-early": [
        (look(1.5 - STEPS / N, ended="epochs", onward_steps=10), look(1.5 - STEPS / N, onward_steps=10)),
        (look(1.5 - STEPS / N, ended="epochs", onward_steps=10),
         look(1.5 - STEPS / N, ended="epochs", onward_steps=10, held=RISING)),
        (look(FALL[:20], ended="epochs", onward_now=0.3, onward_same=0.2, onward_cooled=0.22, onward_held_now=0.3,
              onward_held_same=0.2),
         look(FALL[:20], ended="epochs", onward_now=0.3, onward_same=0.299, onward_cooled=0.299)),
        (look(2 - STEPS[:50] / 40, bare=True), look(2 / STEPS[:50], bare=True)),
    ],
    "overfitting": [
        (look(held=TURNING, held_skill=0.4), look(held=TURNING, held_skill=0.4, ended="patience")),
        (look(held=TURNING, held_skill=0.4), look(held=TURNING, held_skill=0.79)),
        (look(held=FALL[::20], train_skill=0.99, held_skill=0.2),
         look(held=FALL[::20], train_skill=0.6, held_skill=0.5)),
        (look(bare=True, held=TURNING), look(bare=True, held=np.linspace(0.5, 0.2, 60))),
    ],
    "worse-than-trivial": [
        (look(train_loss=0.6), look(train_loss=0.501)),
        (look(held_loss=0.6, held_surer=-4.0), look(held_loss=0.6, held_surer=-1.0)),
    ],
    "too-weak": [
        (look(train_skill=0.2, reference_skill=0.8, reference_chance=0.005, reference_rows=300),
         look(train_skill=0.6, reference_skill=0.8, reference_chance=0.005, reference_rows=300)),
    ],
    "noise-floor": [
        (look(0.1 + 0.01 * NOISE, full=False, onward_same=0.15, onward_cooled=0.1, onward_held_same=0.15),
         look(0.1 + 0.01 * NOISE, full=False, onward_same=0.105, onward_cooled=0.1, onward_held_same=0.15)),
        (look(0.1 + 0.01 * NOISE, full=False, onward_same=0.15, onward_cooled=0.1, onward_held_same=0.15),
         look(1.1 - STEPS / N, full=False, onward_same=0.15, onward_cooled=0.1, onward_held_same=0.15)),
    ],
    "loss-metric-disagree": [
        (look(held=TURNING, metric=np.linspace(0.6, 0.9, 60), name="accuracy"),
         look(held=TURNING, metric=1 - TURNING, name="accuracy")),
        (look(held=np.linspace(0.4, 0.2, 60), metric=np.linspace(1, 2, 60)),
         look(held=np.linspace(0.4, 0.2, 60), metric=np.linspace(2, 1, 60))),
    ],
    "class-imbalance": [
        (look(**CLASSES | {"class_weights": [0.95, 0.05], "rarest_share": 0.05}), look(**CLASSES)),
        (look(**CLASSES | {"class_weights": [0.95, 0.05], "rarest_share": 0.05}),
         look(**CLASSES | {"class_weights": [0.5, 0.5], "rarest_share": 0.05})),
    ],
    "duplicate-feature": [(look(twins=[["a", "b"]]), look())],
    "constant-feature": [
        (look(data_columns=[{"name": "a", "kind": "ignore", "why": "constant: every value is '7'"}]),
         look(data_columns=[{"name": "a", "kind": "ignore", "why": "as you said; it would be number: 9 distinct"}])),
        (look(constant=["a"]), look(constant=[])),
    ],
}  # fmt: skip
PAIRS = [(name, *pair) for name, pairs in CASES.items() for pair in pairs]
NAMED = [f"{name}-{place}" for name, pairs in CASES.items() for place in range(len(pairs))]


def test_every_symptom_of_the_list_has_a_detector_and_its_cases():
    assert [detector.id for detector in DETECTORS] == list(ORDER)
    assert set(CASES) == set(ORDER)
    assert len(ORDER) == 23


@pytest.mark.parametrize(("name", "ill", "well"), PAIRS, ids=NAMED)
def test_a_symptom_is_found_where_it_is_so_and_not_in_what_comes_near_it(name, ill, well):
    found = {symptom.id: symptom for symptom in examine(ill, DETECTORS).symptoms}
    assert name in found, list(found)
    assert name not in [symptom.id for symptom in examine(well, DETECTORS).symptoms]
    symptom = found[name]
    assert symptom.text.endswith((".", "?"))
    assert symptom.rule
    assert symptom.source
    assert "nan" not in symptom.text
    if symptom.steps is not None:
        assert 0 <= symptom.steps[0] <= symptom.steps[1] <= max(ill.steps)


def test_a_healthy_run_has_no_symptom_and_every_detector_has_been_asked_or_says_why_not():
    for healthy in (look(), look(full=False), look(**BENT), look(**CLASSES), look(hidden=0), look(FALL, bare=True)):
        found = examine(healthy, DETECTORS)
        assert found.healthy, [symptom.text for symptom in found.symptoms]
        assert sorted([*found.checked, *found.not_checked]) == sorted(ORDER)
        assert all(why and not why.endswith(".") for why in found.not_checked.values())


def test_a_consequence_is_not_accused_beside_its_cause():
    both = look(np.append(FALL, np.nan), ended="diverged", train_loss=2.0, dead=[1.0, 1.0])
    assert [symptom.id for symptom in examine(both, DETECTORS).symptoms] == ["diverged"]
    alone = look(train_loss=2.0, dead=[1.0, 1.0])
    assert {symptom.id for symptom in examine(alone, DETECTORS).symptoms} == {"dead-units", "worse-than-trivial"}


def test_causes_are_asked_before_their_consequences():
    for place, detector in enumerate(DETECTORS):
        assert set(detector.after) <= set(ORDER[:place]), detector.id


@pytest.mark.parametrize(
    ("given", "name", "why"),
    [
        (look(hidden=0), "dead-units", "the model has no hidden layers"),
        (look(**BENT), "dead-units", "units of tanh saturate instead"),
        (look(), "saturated", "relu has no bounds on both sides"),
        (look(full=False), "oscillating", "each step sees another batch"),
        (look(), "overfitting", "no loss of held-out rows"),
        (look(held=FALL[:2]), "overfitting", "looked at 2 times only"),
        (look(FALL[:3]), "rate-too-large", "3 losses are too few"),
        (look(), "class-imbalance", "the target is a number"),
        (look(**CLASSES), "target-scale", "the target is a class"),
        (look(held_chance=0.3), "unlearnable", "too few"),
    ],
)
def test_what_was_not_checked_says_why(given, name, why):
    assert why in examine(given, DETECTORS).not_checked[name]


def test_without_a_checkup_the_trace_is_still_looked_at():
    bare = look(np.append(FALL, np.inf), ended="diverged")
    given = Look(bare.steps, bare.loss, bare.columns, run=bare.run, absent={"checkup": "the table is gone"})
    found = examine(given, DETECTORS)
    assert [symptom.id for symptom in found.symptoms] == ["diverged"]
    assert found.not_checked["too-weak"] == "the table is gone"
