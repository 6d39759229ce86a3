"""NIST's certified linear regressions: the closed form, and how far first-order descent comes."""

from __future__ import annotations

import numpy as np
import pytest
from references import digits, published, table

from fallline.exact import least_squares
from fallline.fit import Fitted, Rows, fit
from fallline.losses import Penalty, Squared
from fallline.models import Linear
from fallline.rules import Rule
from fallline.settings import check
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")

CERTIFIED = published("nist-strd/linear/certified.json")

# Digits that the closed form reaches, rounded down: the condition numbers stand in SOURCE.txt.
# What Filip (powers up to 10) and Wampler4 and 5 (noise 1e5 times the signal and more) lack is lost in the columns.
CLOSED_FORM = {
    "Norris": 12,
    "Pontius": 12,
    "NoInt1": 14,
    "NoInt2": 14,
    "Longley": 12,
    "Filip": 7,
    "Wampler1": 9,
    "Wampler2": 12,
    "Wampler3": 9,
    "Wampler4": 7.5,  # 8.1 here; other LAPACKs round otherwise
    "Wampler5": 5.5,  # 6.1 here
}
# Digits that momentum reaches in float64 with the best rate and momentum for the condition number, rounded down.
DESCENT = {
    "Norris": 12,
    "Pontius": 11,
    "NoInt1": 14,
    "NoInt2": 14,
    "Longley": 11,
    "Wampler1": 5,
    "Wampler2": 9,
    "Wampler3": 5,
    "Wampler4": 5,
    "Wampler5": 5,
}


def problem(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Columns, target, certified estimates (intercept first) and whether there is an intercept."""
    certified = CERTIFIED[name]
    frame = table(f"nist-strd/linear/{name}.csv").cast(float)
    target, columns = frame["y"].to_numpy(), frame.drop("y").to_numpy()
    estimates = np.array([float(p["estimate"]) for p in certified["params"].values()])
    if certified["polynomial"]:
        columns = columns ** np.arange(1, len(estimates) - certified["intercept"] + 1)
    return columns, target, estimates, certified["intercept"]


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_the_closed_form_meets_the_certified_estimates(name):
    columns, target, estimates, intercept = problem(name)
    exact = least_squares(columns, target, np.full(len(target), 1 / len(target)), bias=intercept)
    found = np.append(exact.bias, exact.weights) if intercept else exact.weights
    assert digits(found, estimates) >= CLOSED_FORM[name]


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_the_closed_forms_loss_is_half_the_certified_mean_squared_residual(name):
    columns, target, _, intercept = problem(name)
    certified = float(CERTIFIED[name]["residual_ss"])
    loss = least_squares(columns, target, np.full(len(target), 1 / len(target)), bias=intercept).loss
    # Wampler1 and 2 are exact polynomials: the residual is nought, and rounding leaves 1e-18 of the target's square.
    assert 2 * loss * len(target) == pytest.approx(certified, rel=1e-7, abs=1e-18 * float(target @ target))


def standardised(name: str) -> tuple[Rows, np.ndarray, np.ndarray, float, float]:
    """Rows of mean 0 and deviation 1 (without an intercept: scaled only), and the means and scales to go back."""
    columns, target, _, intercept = problem(name)
    centre, middle = (columns.mean(axis=0), target.mean()) if intercept else (np.zeros(columns.shape[1]), 0.0)
    scale, unit = np.sqrt(((columns - centre) ** 2).mean(axis=0)), np.sqrt(((target - middle) ** 2).mean())
    rows = Rows((columns - centre) / scale, (target - middle) / unit, np.ones(len(target)))
    return rows, centre, scale, middle, unit


def descent(name: str, rule: Rule, rate: float | str, steps: int) -> tuple[Fitted, np.ndarray]:
    """A descent on standardised columns, and its estimates in the table's own units."""
    intercept = CERTIFIED[name]["intercept"]
    rows, centre, scale, middle, unit = standardised(name)
    parts = Parts(Linear(rows.features.shape[1], bias=intercept), Squared(), Penalty(), rule)
    fitted = fit(parts, check(rate=rate, batch="full", steps=steps, stop=None, precision=64), rows)
    weights = np.asarray(fitted.parameters["weights"]) * unit / scale
    if not intercept:
        return fitted, weights
    return fitted, np.append(middle + unit * float(fitted.parameters["bias"]) - centre @ weights, weights)


@pytest.mark.parametrize("name", DESCENT)
def test_momentum_in_float64_meets_the_certified_estimates(name):
    rows = standardised(name)[0]
    curvatures = np.append(np.linalg.eigvalsh(rows.features.T @ rows.features / len(rows.target)), 1.0)
    low, high = np.sqrt(curvatures.min()), np.sqrt(curvatures.max())
    momentum, rate = ((high - low) / (high + low)) ** 2, (2 / (low + high)) ** 2
    _, found = descent(name, Rule("momentum", (momentum,)), rate, steps=200 + int(60 * high / low))
    assert digits(found, problem(name)[2]) >= DESCENT[name]


@pytest.mark.parametrize(("name", "reached"), [("Norris", 12), ("NoInt1", 14), ("NoInt2", 15), ("Pontius", 11)])
def test_plain_descent_at_a_rate_of_its_own_choice_meets_the_certified_estimates(name, reached):
    _, found = descent(name, Rule(), "auto", steps=20_000)
    assert digits(found, problem(name)[2]) >= reached


def test_norris_is_reported_as_converged_to_the_exact_answer():
    fitted, _ = descent("Norris", Rule(), "auto", steps=20_000)
    assert fitted.verdict.state == "converged"
    assert fitted.figures.end == pytest.approx(fitted.figures.optimum, rel=1e-9)


def test_filip_is_out_of_reach_for_descent_and_the_verdict_says_so():
    """The Hessian's condition number is 1e19: no first-order method gets there, and none may claim it did."""
    fitted, found = descent("Filip", Rule(), "auto", steps=20_000)
    assert digits(found, problem("Filip")[2]) < 1
    assert fitted.verdict.state in ("improving", "stalled")
    assert "exact answer" in fitted.verdict.why
