"""One update told: every claim in both cases, and lines whose printed numbers re-add to the last digit."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fallline as fl
from fallline.claim import tell
from fallline.instruments import measure
from fallline.told.re_add import addends, re_add
from fallline.told.step import CLAIMS, step_lines

BASE = {
    "run": "houses", "step": 8, "epoch": 0.5, "rule": "momentum:0.9", "clip": None, "rate": 0.1, "batch": 32,
    "precision": 64, "objective": 0.5, "loss": 0.5, "objective_after": 0.375, "loss_after": 0.375,
    "readd_error": 1e-17, "readd_rounding": 1e-16, "parameters": 2,
    "weights": [{"name": "bias", "old": 0.5, "gradient": 0.2, "direction": 0.25, "update": 0.025, "new": 0.475}],
    "memory": {"kind": "momentum", "old_share": 0.75, "scale_old_share": None},
}  # fmt: skip

CASES = {
    "re-adds": ({}, {"readd_error": 0.1}, ["0.47500 = 0.50000 − 0.1 × 0.25"], ["differs by 0.1"]),
    "loss-fell": ({}, {"objective_after": 0.75, "loss_after": 0.75}, ["32 rows", "0.5", "0.375"], ["it rose", "0.75"]),
    "old-and-new": (
        {},
        {"memory": {"kind": "adam", "old_share": 0.25, "scale_old_share": 0.96}},
        ["75% of the direction is old", "25% is new"],
        ["25% of the direction is old", "96% old", "the new counts"],
    ),
}


def said(name: str, **changed):
    return tell([claim for claim in CLAIMS if claim.name == name], BASE | changed)


def test_every_claim_has_its_cases():
    assert {claim.name for claim in CLAIMS} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_claim_is_said_where_it_holds_and_what_was_measured_where_not(name):
    there, not_there, words, other = CASES[name]
    (holds,), (fails,) = said(name, **there), said(name, **not_there)
    assert holds.holds is True
    assert fails.holds is False
    assert all(word in holds.text for word in words), holds.text
    assert all(word in fails.text for word in other), fails.text


def test_of_the_plain_rule_nothing_is_said_on_old_and_new():
    assert said("old-and-new", memory={"kind": "plain", "old_share": None, "scale_old_share": None}) == []


def test_at_the_first_step_there_is_nothing_to_remember():
    (sentence,) = said("old-and-new", step=1, memory={"kind": "momentum", "old_share": 0.0, "scale_old_share": None})
    assert "nothing to remember yet" in sentence.text


def test_why_the_loss_rose_or_stayed_is_told_by_the_rule():
    assert "longer than the slope" in said("loss-fell", objective_after=0.75, rule="plain")[0].text
    assert "changed nothing that can be seen" in said("loss-fell", objective_after=0.5)[0].text
    assert "not a number" in said("loss-fell", objective_after=float("nan"))[0].text


sizes = st.floats(1e-9, 1e9) | st.floats(-1e9, -1e-9) | st.just(0.0)


@given(sizes, st.floats(1e-6, 10), sizes, st.sampled_from([32, 64]))
def test_an_update_re_adds_as_it_is_printed_to_the_last_digit(old, rate, direction, bits):
    kind = np.float32 if bits == 32 else np.float64
    old, rate, direction = (float(kind(value)) for value in (old, rate, direction))
    new = float(kind(old - rate * direction))
    found = re_add(old, rate, direction, new, bits)
    last = -Decimal(found.new).as_tuple().exponent
    assert Decimal(found.old) - Decimal(found.update) == Decimal(found.new)
    assert round(Decimal(found.rate) * Decimal(found.direction), last) == Decimal(found.update)
    unit = Decimal(10) ** -last
    near = max(unit, Decimal(8 * float(np.finfo(kind).eps) * max(abs(old), abs(new), abs(rate * direction))))
    assert abs(Decimal(found.new) - Decimal(new)) <= near
    assert abs(Decimal(found.old) - Decimal(old)) <= unit


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_addends_add_up_as_they_are_printed(parts):
    written, total = addends(parts, sum(parts))
    assert sum(map(Decimal, written)) == Decimal(total)


def test_what_is_not_finite_is_printed_and_adds_up_to_nothing():
    assert re_add(1.0, 0.1, float("inf"), float("-inf")).new == "-inf"
    assert addends([float("nan")], float("nan")) == (["nan"], "nan")


NUMBER = r"(-?[\d.]+(?:e[+-]\d+)?)"
RULES = ["plain", "momentum:0.9", "nesterov", "adagrad", "rmsprop", "adam", "adamw:0.9,0.99,0.1", "lion", "dog"]


def run(tmp_path, target: str, **settings):
    draw = np.random.default_rng(2)
    x, z = draw.normal(size=80), draw.normal(size=80)
    kind = np.where(x > 0.4, "high", np.where(z > 0, "middle", "low"))
    frame = pl.DataFrame({"x": x, "z": z, "y": 3e4 * x - 1e4 * z + 2e5, "kind": kind}).select("x", "z", target)
    asked = {"rate": 0.05, "steps": 9, "batch": 12} | settings
    return fl.open_run(fl.train(frame, target, runs=tmp_path, stop=None, **asked).path, frame).training


@pytest.mark.parametrize(("rule", "precision"), [*((rule, 32) for rule in RULES), ("adam", 64)])
def test_every_printed_line_of_an_update_re_adds(tmp_path, rule, precision):
    asked = {"clip": 0.05} if rule == "nesterov" else {"rate": 1.0} if rule == "dog" else {}
    figures = measure(run(tmp_path, "y", rule=rule, precision=precision, **asked), "step", step=4).figures
    text = step_lines(figures)
    pattern = rf"= +{NUMBER} - +{NUMBER} \* +{NUMBER} = +{NUMBER} - +{NUMBER}$"
    names = [weight["name"] for weight in figures["weights"]]
    updates = [line for line in text if line.strip().startswith(tuple(names)) and " = " in line]
    assert len(updates) == len(names)
    for line in updates:
        new = re.search(rf" +{NUMBER} = ", line)
        found = re.search(pattern, line)
        assert new, line
        assert found, line
        old, rate, direction, again, update = map(Decimal, found.groups())
        assert old == again
        assert old - update == Decimal(new[1])
        assert round(rate * direction, -update.as_tuple().exponent) == update
    assert ("old information" in "\n".join(text)) == (rule not in ("plain", "dog"))


@pytest.mark.parametrize("settings", [{}, {"l2": 0.5}, {"model": "mlp:3"}, {"target": "kind", "model": "softmax"}])
def test_errors_and_the_rows_parts_add_up_as_printed(tmp_path, settings):
    figures = measure(run(tmp_path, **{"target": "y"} | settings), "step", step=4).figures
    text = step_lines(figures)
    for line in text:
        row = re.search(rf"prediction +{NUMBER} - target +{NUMBER} = error +{NUMBER}", line)
        if row:
            prediction, target, error = map(Decimal, row.groups())
            assert prediction - target == error
    parts = [Decimal(line.rsplit("=", 1)[1]) for line in text if re.match(r" +row .*\* .* = ", line)]
    parts += [Decimal(found[1]) for line in text if (found := re.search(rf"together {NUMBER}", line))]
    parts += [Decimal(found[1]) for line in text if (found := re.search(rf"with {NUMBER} of the penalty", line))]
    (total,) = (Decimal(found[1]) for line in text if (found := re.search(rf"the derivative is {NUMBER}", line)))
    assert len(parts) > 8
    assert sum(parts) == total
