"""Whoever works a printed line out gets what is printed: each is parsed here and worked out again."""

from __future__ import annotations

import ast
import math
import operator
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.engine import precision
from fallline.instruments import measure
from fallline.lab.arithmetic import Sum, bare, times
from fallline.lab.prepared import prepare
from fallline.lab.scene import Scene
from fallline.lab.stages import stages
from fallline.lab.walker import Walker

FAST = {"rate": 0.05}
SCENES = {
    "plain": Scene(),
    "momentum": Scene(settings={"rule": "momentum:0.8", "rate": 0.1}),
    "nesterov": Scene(settings={"rule": "nesterov", "rate": 0.1}),
    "adam": Scene(settings={"rule": "adam:0.8,0.9"}),
    "adamw": Scene(table="diabetes", settings={"rule": "adamw:0.9,0.99,0.1", **FAST}),
    "adagrad": Scene(table="diabetes", settings={"rule": "adagrad", **FAST}),
    "rmsprop": Scene(table="diabetes", settings={"rule": "rmsprop", **FAST}),
    "lion": Scene(table="diabetes", settings={"rule": "lion", **FAST}),
    "a rule that finds its rate": Scene(table="diabetes", settings={"rule": "prodigy", "rate": 1.0}),
    "clipped": Scene(settings={"clip": 0.1}),
    "with a penalty and a bias": Scene(settings={"l2": 0.3, "bias": True}),
    "a row a step": Scene(table="diabetes", settings={"batch": 1, "rate": 0.01}),
    "absolute": Scene(table="diabetes", settings={"loss": "absolute", **FAST}),
    "log loss": Scene(table="breast_cancer", settings={"l2": 0.01, **FAST}),
    "hinge": Scene(table="breast_cancer", settings={"loss": "hinge", **FAST}),
    "softmax": Scene(table="iris", settings=FAST),
    "a network": Scene(table="diabetes", settings={"model": "mlp:4,3", "rule": "adam", "batch": 30, **FAST}),
    "a network of classes": Scene(table="iris", settings={"model": "mlp:4", "activation": "tanh", "l2": 0.1, **FAST}),
    "64 bits": Scene(table="diabetes", settings={"precision": 64, **FAST}),
}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def spelled(name: str, step: int, weight: str | None = None, folder=None, row: int | None = None) -> list[dict]:
    prepared = prepare(SCENES[name], folder, {})
    with precision(prepared.settings.precision):
        walker = Walker(prepared)
        walker.walk_to(step)
        walker.go(step - 1)
        figures = measure(walker.training, "step", step=step, weight=weight, row=row).figures
        return stages(walker.training, figures, row)


def worked_out(text: str) -> float:
    """The value of printed arithmetic."""
    text = text.replace("−", "-").replace("×", "*").replace("²", "**2")
    text = re.sub(r"e\^-(\([^()]*\)|[\d.e-]+)", r"exp(-(\1))", text)
    text = re.sub(r"√(\([^()]*\)|[\d.]+(?:e-?\d+)?)", r"sqrt(\1)", text).replace("^", "**")
    return _value(ast.parse(text.strip(), mode="eval").body)


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant):
        return float(node.value)
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand)
    if isinstance(node, ast.Call):
        return {"exp": math.exp, "ln": math.log, "sqrt": math.sqrt}[node.func.id](_value(node.args[0]))
    return OPERATORS[type(node.op)](_value(node.left), _value(node.right))


def digits(text: str) -> int:
    """How many digits a printed number has: those after the first that is not 0."""
    return max(1, len(re.sub(r"e.*", "", text).replace(".", "").replace("−", "").lstrip("0")))


def works(numbers: str) -> None:
    """What stands left of = is what the right side makes, in its last printed digit."""
    left, right = numbers.split(" = ")
    value = float(left.replace("−", "-"))
    decimals = len(left.partition(".")[2].partition("e")[0]) - int(left.partition("e")[2].replace("−", "-") or 0)
    made = worked_out(right)
    if "." in left:
        assert abs(made - value) <= 0.5000001 * 10.0**-decimals, numbers
    else:  # as many digits as were needed: trailing zeros are not printed
        assert f"{made:.{max(digits(left), 2)}g}" == f"{value:.{max(digits(left), 2)}g}" or made == value, numbers


def lines(stage: dict) -> list[dict]:
    return stage["lines"] + [line for more in stage["more"] for line in more["lines"]]


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("step", [1, 4])
def test_every_line_works_out_as_printed(tmp_path, name, step):
    found = spelled(name, step, folder=tmp_path)
    assert [stage["name"] for stage in found] == ["predict", "loss", "gradient", "update"]
    checked = 0
    for stage in found:
        assert stage["said"]
        for line in lines(stage):
            if " = " in line["numbers"]:
                works(line["numbers"])
                checked += 1
    assert checked >= 3


@pytest.mark.parametrize("name", SCENES)
def test_the_tables_re_add_row_by_row(tmp_path, name):
    predict, _, gradient, update = (stage["table"] for stage in spelled(name, 3, folder=tmp_path))
    for row in predict["rows"]:
        said, wanted, error = (float(cell.replace("−", "-")) for cell in row[1:4])
        assert round(said - wanted - error, 12) == 0
    for row in update["rows"]:
        _, new, old, rate, direction = row
        works(f"{new} = {old} − {rate} × ({direction})")
    made = [row for row in gradient["rows"] if row[1]]
    for row in made:
        if len(row) > 2 and all(row):
            works(f"{row[-1]} = {' × '.join(f'({cell})' for cell in row[1:-1])}")


def test_the_numbers_are_those_of_the_trace(tmp_path):
    prepared = prepare(Scene(), tmp_path, {})
    with precision(32):
        walker = Walker(prepared)
        walker.walk_to(6)
        walker.go(5)
        update = spelled("plain", 6, folder=tmp_path)[3]
        new = float(update["table"]["rows"][0][1].replace("−", "-"))
        assert new == pytest.approx(float(walker.parameters(6)[0]), abs=1e-4)


def test_a_weight_that_is_asked_for_is_the_one_taken_apart(tmp_path):
    found = spelled("a network", 2, "layer1/weights[bmi, 2]", tmp_path)
    assert "layer1/weights[bmi, 2]" in found[2]["said"]
    assert found[2]["more"][0]["title"].endswith("layer by layer")
    assert found[3]["table"]["about"][0] == "layer1/weights[bmi, 2]"
    assert set(found[3]["table"]["about"]) >= {"layer1/weights[bmi, 2]"}


def numbers_of_rows(stage: dict) -> list[str]:
    return [row[0] for row in stage["table"]["rows"] if "more" not in row[0]]


@pytest.mark.parametrize("name", ["plain", "log loss", "softmax", "a network"])
def test_every_stage_lists_the_same_rows_and_the_one_that_is_followed_first(tmp_path, name):
    predict, loss, gradient, _ = spelled(name, 2, folder=tmp_path)
    assert numbers_of_rows(predict) == numbers_of_rows(loss) == numbers_of_rows(gradient)
    asked = int(numbers_of_rows(predict)[5].replace(",", ""))
    predict, loss, gradient, _ = spelled(name, 2, folder=tmp_path, row=asked)
    assert numbers_of_rows(predict) == numbers_of_rows(loss) == numbers_of_rows(gradient)
    assert numbers_of_rows(predict)[0] == str(asked)
    assert all(f"row {asked}" in line["formula"] for line in [*predict["lines"], loss["lines"][0]])
    assert "is not among them" not in predict["said"]


def test_a_followed_row_that_the_update_does_not_see_is_said_to_be_absent(tmp_path):
    (row,) = spelled("a row a step", 2, folder=tmp_path)[0]["table"]["rows"]
    said = spelled("a row a step", 3, folder=tmp_path, row=int(row[0]))[0]["said"]
    assert f"Row {row[0]}, which you follow, is not among them." in said


def test_sums_whose_parts_cancel_re_add_too(tmp_path):
    gradients = [spelled("plain", step, folder=tmp_path)[2]["lines"][-1]["numbers"] for step in (30, 53)]
    for numbers in gradients:
        works(numbers)
        assert float(numbers.split(" = ")[1].split(" / ")[0].replace("−", "-")) != 0


reals = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-9)


@given(st.lists(st.tuples(reals, reals), min_size=1, max_size=9), reals)
def test_sums_of_products_add_up_as_printed(pairs, bias):
    found = Sum(pairs, [bias], sum(a * b for a, b in pairs) + bias)
    printed = [*found.products, *found.rest]
    numbers = [float(bare(text).replace("−", "-")) for text in printed]
    total = float(found.total.replace("−", "-"))
    assert sum(numbers) == pytest.approx(total, rel=1e-12, abs=1e-12 * max(map(abs, numbers)))
    assert total == pytest.approx(sum(a * b for a, b in pairs) + bias, abs=1e-3 * max(map(abs, [*numbers, 1e-300])))


@given(reals, reals)
def test_a_product_is_that_of_its_printed_factors(a, b):
    factors, product = times(a, b)
    made = float(np.prod([float(bare(text).replace("−", "-")) for text in factors]))
    value = float(product.replace("−", "-"))
    assert made == pytest.approx(value, rel=6e-5 if value else 0, abs=1e-300)
