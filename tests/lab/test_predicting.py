"""How a typed row becomes a prediction: every line works out as printed, and they lead to the answer that is given."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import pytest
from lab.talk import Page

ROW = {"bmi": 30.0, "age": "50", "sex": "1", "ldl": ""}
CASES = {
    "one weight": ("one_weight", {"rate": 0.3}, {"bmi_above_mean": 4}),
    "linear": ("diabetes", {"rate": 0.05}, ROW),
    "not standardised": ("diabetes", {"rate": 1e-5, "standardize": False}, ROW),
    "counts": ("diabetes", {"rate": 1e-4, "loss": "poisson"}, ROW),
    "two classes": ("breast_cancer", {"rate": 0.5}, {"worst_radius": 20.0}),
    "three classes": ("iris", {"rate": 0.5}, {"petal_length_cm": 4.0}),
    "a network of classes": ("iris", {"rate": 0.2, "model": "mlp:6,5", "activation": "tanh"}, {"petal_length_cm": 4.0}),
    "a network of gelu": ("iris", {"rate": 0.2, "model": "mlp:6", "activation": "gelu"}, {"petal_width_cm": 1.0}),
    "a network": ("diabetes", {"rate": 0.05, "model": "mlp:20", "activation": "sigmoid"}, ROW),
    "a network of relu": ("diabetes", {"rate": 0.02, "model": "mlp:8"}, ROW),
}
KNOWN = {
    "relu": lambda s: max(s, 0.0),
    "tanh": math.tanh,
    "sigmoid": lambda s: 1 / (1 + math.exp(-s)),
    "gelu": lambda s: 0.5 * s * (1 + math.tanh(math.sqrt(2 / math.pi) * (s + 0.044715 * s**3))),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    found = Page(tmp_path_factory.mktemp("workspace"))
    yield found
    found.close()


def works_out(numbers: str) -> None:
    """What stands on the right of = is what stands on its left, to the last digit there."""
    left, right = numbers.replace("−", "-").split(" = ")
    shown = Decimal(left.strip().strip("()"))
    powers = re.sub(r"e\^-?(\([^)]*\)|[\d.]+)", lambda m: m[0].replace("e^", "math.exp(", 1) + ")", right)
    made = powers.replace("×", "*")
    value = float(eval(made, {"math": math} | KNOWN))  # of the lab's own lines
    digit = Decimal(1).scaleb(int(shown.as_tuple().exponent))
    assert abs(Decimal(value) - shown) <= digit * Decimal("0.5001"), numbers


@pytest.mark.parametrize("name", CASES)
def test_every_line_of_a_prediction_works_out_and_they_end_at_the_answer(page, name):
    table, settings, row = CASES[name]
    page.open(table=table, settings=settings)
    page.forward(20)
    said = page.ask("predict", "predicted", row=row)
    lines = said["lines"]
    equations = [line["numbers"] for line in lines if " = " in line["numbers"]]
    for numbers in equations:
        works_out(numbers)
    first, last = lines[0], lines[-1]
    assert (first["formula"], first["numbers"]) == ("The row as the model sees it", "")
    assert not any(re.search(r"× 0\b(?!\.)", numbers) for numbers in equations)  # what is 0 adds nothing
    if said["chances"]:
        of = [line for line in lines if line["formula"].startswith("probability of ")]
        found = {line["formula"].split()[2]: float(line["numbers"].split(" = ")[0]) for line in of}
        assert found == {each: pytest.approx(chance, abs=1e-4) for each, chance in said["chances"].items()}
    else:
        assert float(last["numbers"].split(" = ")[0].replace("−", "-")) == pytest.approx(said["value"], rel=1e-4)


def test_a_typed_cell_is_followed_into_the_model(page):
    page.open(table="one_weight", settings={"rate": 0.3})
    page.forward(5)
    cell, score = page.ask("predict", "predicted", row={"bmi_above_mean": 4})["lines"][1:4:2]
    assert cell["formula"] == "bmi_above_mean: (value − mean) / scale"
    assert cell["numbers"].endswith("/ 4.4293") or "(4 − " in cell["numbers"]
    prepared = cell["numbers"].split(" = ")[0]
    assert prepared[:5] in score["numbers"]
    page.open(table="diabetes", settings={"rate": 0.05})
    page.forward(5)
    lines = page.ask("predict", "predicted", row=ROW)["lines"]
    assert any(line["formula"].startswith("ldl is missing, its median") for line in lines)
