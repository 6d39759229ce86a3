"""Published coefficient tables: ISLR's Advertising, Auto and Default, and R's logistic regression of admissions."""

from __future__ import annotations

import jax
import numpy as np
import polars as pl
import pytest
from references import published, table

from fallline.exact import least_squares
from fallline.fit import Fitted, Rows, fit
from fallline.losses import LogLoss, Penalty, Squared
from fallline.models import Linear
from fallline.rules import Rule
from fallline.settings import check
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")

ISLR = published("islr/expected.json")
UCLA = published("ucla-logit/expected.json")


def descent(columns: np.ndarray, target: np.ndarray, loss, steps: int) -> tuple[Fitted, np.ndarray]:
    """Nesterov's momentum on standardised columns; the intercept and the coefficients of the columns as they are."""
    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    parts = Parts(Linear(columns.shape[1]), loss, Penalty(), Rule("nesterov", (0.9,)))
    settings = check(rate="auto", batch="full", steps=steps, stop=None, precision=64)
    fitted = fit(parts, settings, Rows((columns - centre) / scale, target, np.ones(len(target))))
    weights = np.asarray(fitted.parameters["weights"]) / scale
    return fitted, np.append(float(fitted.parameters["bias"]) - centre @ weights, weights)


def closed_form(columns: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Intercept and coefficients, and the residual sum of squares."""
    exact = least_squares(columns, target, np.full(len(target), 1 / len(target)))
    return np.append(exact.bias, exact.weights), 2 * exact.loss * len(target)


def advertising(*names: str) -> tuple[np.ndarray, np.ndarray]:
    frame = table("islr/Advertising.csv")
    return frame.select(names).to_numpy(), frame["Sales"].to_numpy()


def auto() -> tuple[np.ndarray, np.ndarray]:
    frame = table("islr/Auto.csv")
    known = frame.filter(pl.col("horsepower").cast(str) != "?").select("horsepower", "mpg").cast(float)
    power, mpg = known.to_numpy().T
    return np.column_stack([power, power**2]), mpg


def with_interaction() -> tuple[np.ndarray, np.ndarray]:
    columns, sales = advertising("TV", "Radio")
    return np.column_stack([columns, columns.prod(axis=1)]), sales


def rounded(figures: dict, *names: str) -> list[float]:
    return [figures[name] for name in names]


TV, ALL = ISLR["Advertising"]["table_3_1"]["TV"], ISLR["Advertising"]["table_3_4"]
SQUARED = {
    "sales on TV": (lambda: advertising("TV"), rounded(TV, "intercept", "slope"), 4),
    "sales on radio": (lambda: advertising("Radio"), ISLR["Advertising"]["table_3_3"]["Radio"], 4),
    "sales on newspaper": (lambda: advertising("Newspaper"), ISLR["Advertising"]["table_3_3"]["Newspaper"], 4),
    "sales on all three": (
        lambda: advertising("TV", "Radio", "Newspaper"),
        rounded(ALL, "intercept", "TV", "Radio", "Newspaper"),
        4,
    ),
    "sales on TV, radio and both": (
        with_interaction,
        rounded(ISLR["Advertising"]["interaction_TV_Radio"], "Intercept", "TV", "Radio", "TVxRadio"),
        4,
    ),
    "mileage on horsepower and its square": (
        auto,
        rounded(ISLR["Auto"]["mpg_on_horsepower_and_square"], "Intercept", "horsepower", "horsepower2"),
        4,
    ),
}


@pytest.mark.parametrize("name", SQUARED)
def test_the_closed_form_gives_the_published_table_to_every_printed_decimal(name):
    make, printed, decimals = SQUARED[name]
    found, _ = closed_form(*make())
    np.testing.assert_array_equal(found.round(decimals), printed)


@pytest.mark.parametrize("name", SQUARED)
def test_descent_gives_the_published_table_to_every_printed_decimal(name):
    make, printed, decimals = SQUARED[name]
    columns, target = make()
    fitted, found = descent(columns, target, Squared(), steps=5000)
    np.testing.assert_array_equal(found.round(decimals), printed)
    np.testing.assert_allclose(found, closed_form(columns, target)[0], rtol=1e-7)
    assert fitted.verdict.state == "converged"


def test_the_closed_form_gives_the_unrounded_coefficients_of_sales_and_mileage():
    for columns, check_ in (
        (advertising("TV"), ISLR["Advertising"]["check"]["TV"]),
        (advertising("TV", "Radio", "Newspaper"), ISLR["Advertising"]["check"]["all"]),
        (auto(), ISLR["Auto"]["check"]),
    ):
        np.testing.assert_allclose(closed_form(*columns)[0], check_, rtol=1e-8)


def test_the_published_r2_and_residual_errors_come_out():
    columns, sales = advertising("TV", "Radio", "Newspaper")
    total = ((sales - sales.mean()) ** 2).sum()
    residual_tv, residual_all = closed_form(columns[:, :1], sales)[1], closed_form(columns, sales)[1]
    assert (residual_tv / 198) ** 0.5 == pytest.approx(TV["RSE"], abs=0.005)
    assert 1 - residual_tv / total == pytest.approx(TV["R2"], abs=0.0005)
    assert 1 - residual_all / total == pytest.approx(ISLR["Advertising"]["check"]["R2_all"], rel=1e-12)
    assert (residual_all / 196) ** 0.5 == pytest.approx(ISLR["Advertising"]["check"]["RSE_all"], rel=1e-12)
    power, mpg = auto()
    residual = closed_form(power, mpg)[1]
    assert 1 - residual / ((mpg - mpg.mean()) ** 2).sum() == pytest.approx(ISLR["Auto"]["R2"], rel=1e-12)


def default(*names: str) -> tuple[np.ndarray, np.ndarray]:
    frame = table("islr/Default.csv.gz").with_columns(pl.col("default", "student") == "Yes").cast(float)
    return frame.select(names).to_numpy(), frame["default"].to_numpy()


CHECK = ISLR["Default"]["check"]
DEFAULT = {
    "balance": (("balance",), rounded(ISLR["Default"]["balance"], "const", "balance"), CHECK["balance"]),
    "student": (("student",), rounded(ISLR["Default"]["student"], "const", "studentYes"), CHECK["student"]),
    "all": (
        ("balance", "income", "student"),
        rounded(ISLR["Default"]["all"], "const", "balance", "income", "studentYes"),
        CHECK["all_const_balance_income_student_deviance"],
    ),
}


@pytest.mark.parametrize("name", DEFAULT)
def test_logistic_descent_on_default_gives_the_published_coefficients_and_deviance(name):
    names, printed, check_ = DEFAULT[name]
    columns, target = default(*names)
    fitted, found = descent(columns, target, LogLoss(), steps=3000)
    np.testing.assert_array_equal(found.round(6), printed)
    np.testing.assert_allclose(found, check_[:-1], rtol=1e-8)
    assert 2 * len(target) * fitted.figures.end == pytest.approx(check_[-1], rel=1e-12)
    assert fitted.verdict.state == "converged"


def admissions() -> tuple[np.ndarray, np.ndarray]:
    frame = table("ucla-logit/binary.csv")
    ranks = [frame["rank"].to_numpy() == rank for rank in (2, 3, 4)]
    columns = np.column_stack([frame["gre"], frame["gpa"], *ranks]).astype(float)
    return columns, frame["admit"].to_numpy().astype(float)


def test_logistic_descent_gives_rs_coefficients_of_the_admissions():
    columns, admitted = admissions()
    fitted, found = descent(columns, admitted, LogLoss(), steps=3000)
    np.testing.assert_array_equal(found.round(6), list(UCLA["coef"].values()))
    np.testing.assert_allclose(found, UCLA["check_12_digits"]["coef"], rtol=1e-8)
    assert fitted.figures.end == pytest.approx(UCLA["check_12_digits"]["mean_log_loss"], rel=1e-13)
    assert round(2 * 400 * fitted.figures.end, 2) == UCLA["residual_deviance"]
    assert round(2 * 400 * fitted.figures.trivial, 2) == UCLA["null_deviance"]


def test_the_hessian_at_the_answer_gives_rs_standard_errors():
    columns, admitted = admissions()
    fitted, found = descent(columns, admitted, LogLoss(), steps=3000)
    parts, whole = fitted.ready.parts, fitted.ready.whole._replace(features=columns)

    def loss(flat):
        return parts.loss(parts.model.predict({"bias": flat[0], "weights": flat[1:]}, whole.features), whole)

    hessian = jax.hessian(loss)(jax.numpy.asarray(found)) * len(admitted)
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    # R takes the curvature one iteration before the last: the fifth digit can differ.
    np.testing.assert_allclose(errors, list(UCLA["se"].values()), rtol=5e-5, atol=5e-7)


def test_the_closed_form_gives_rs_linear_model_of_the_admissions():
    found, _ = closed_form(*admissions())
    np.testing.assert_allclose(found, list(UCLA["linear_model_same_formula"].values()), rtol=2e-7, atol=5e-8)
