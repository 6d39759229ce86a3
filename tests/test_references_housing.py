"""The errors that Géron's book prints for California's districts: a linear model in dollars, and a small network."""

from __future__ import annotations

import gzip
from importlib.resources import files

import numpy as np
import polars as pl
import pytest
from references import published, table

from fallline.exact import least_squares
from fallline.fit import Rows, fit
from fallline.losses import Penalty, Squared
from fallline.models import Linear, Network
from fallline.rules import Rule
from fallline.settings import check
from fallline.types import Parts

pytestmark = pytest.mark.usefixtures("float64")

PUBLISHED = published("california-housing/expected.json")


@pytest.fixture(scope="module")
def districts() -> pl.DataFrame:
    packed = (files("fallline") / "examples" / "california_housing.csv.gz").read_bytes()
    return pl.read_csv(gzip.decompress(packed)).with_row_index("row")


@pytest.fixture(scope="module")
def housing(districts) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The book's columns: 8 numbers and 3 ratios, median for missing, standardised; 5 columns of ocean proximity."""
    parts = districts.with_columns(pl.Series("part", table("california-housing/split.csv.gz").sort("row")["part"]))
    names = [name for name in districts.columns if name not in ("row", "median_house_value", "ocean_proximity")]
    train = parts.filter(pl.col("part") == "train")
    filled = parts.with_columns(pl.col(name).cast(float).fill_null(train[name].median()) for name in names)
    ratios = filled.with_columns(
        rooms=pl.col("total_rooms") / pl.col("households"),
        people=pl.col("population") / pl.col("households"),
        bedrooms=pl.col("total_bedrooms") / pl.col("total_rooms"),
    )
    columns = [*names, "rooms", "people", "bedrooms"]
    seen = ratios.filter(pl.col("part") == "train").select(columns).to_numpy()
    out = {}
    for part in ("train", "test"):
        rows = ratios.filter(pl.col("part") == part)
        numbers = (rows.select(columns).to_numpy() - seen.mean(axis=0)) / seen.std(axis=0)
        kinds = rows["ocean_proximity"].to_numpy()[:, None] == np.array(sorted(districts["ocean_proximity"].unique()))
        out[part] = np.column_stack([numbers, kinds]), rows["median_house_value"].to_numpy().astype(float)
    return out


def errors(features, target, weights, bias) -> tuple[float, float]:
    residual = features @ weights + bias - target
    return float(np.sqrt((residual**2).mean())), float(np.abs(residual).mean())


def test_the_closed_form_of_the_linear_model_has_the_published_errors(housing):
    features, target = housing["train"]
    exact = least_squares(features, target, np.full(len(target), 1 / len(target)))
    rmse, mae = errors(features, target, exact.weights, exact.bias)
    # The book's own split differs by a few rows: 5 and 25 parts per million.
    assert rmse == pytest.approx(PUBLISHED["published"]["linear_train_rmse"], rel=1e-5)
    assert mae == pytest.approx(PUBLISHED["published"]["linear_train_mae"], rel=5e-5)
    assert (rmse, mae) == pytest.approx(
        (PUBLISHED["recomputed"]["linear_train_rmse"], PUBLISHED["recomputed"]["linear_train_mae"]), rel=1e-9
    )
    test_rmse, _ = errors(*housing["test"], exact.weights, exact.bias)
    assert test_rmse == pytest.approx(PUBLISHED["recomputed"]["linear_test_rmse"], rel=1e-9)


def test_descent_on_the_linear_model_comes_within_one_part_in_a_million_of_the_published_error(housing):
    features, target = housing["train"]
    parts = Parts(Linear(features.shape[1]), Squared(), Penalty(), Rule("momentum", (0.99,)))
    settings = check(rate="auto", batch="full", steps=20_000, stop=None, precision=64)
    fitted = fit(parts, settings, Rows(features, target / 1e5, np.ones(len(target))))
    assert fitted.ready.condensed
    weights, bias = np.asarray(fitted.parameters["weights"]) * 1e5, float(fitted.parameters["bias"]) * 1e5
    rmse, _ = errors(features, target, weights, bias)
    assert rmse == pytest.approx(PUBLISHED["recomputed"]["linear_train_rmse"], rel=1e-6)
    assert fitted.verdict.state == "converged"


def test_a_network_of_thirty_units_comes_near_the_published_test_error(districts):
    """20 epochs of plain descent, batch 32, on 11,610 districts. Keras's rate of 0.001 on the squared error is 0.002 on
    half of it. Start weights and split are others than the book's: within 10%."""
    frame = districts.drop_nulls()
    per_household = [
        (pl.col(name) / pl.col("households")).alias(f"{name}_each")
        for name in ("total_rooms", "total_bedrooms", "population")
    ]
    columns = frame.select(
        "median_income", "housing_median_age", "population", "latitude", "longitude", *per_household
    ).to_numpy()
    target = frame["median_house_value"].to_numpy() / 1e5
    order = np.random.default_rng(42).permutation(len(target))
    train, test = order[:11_610], order[-5_160:]
    features = (columns - columns[train].mean(axis=0)) / columns[train].std(axis=0)
    parts = Parts(Network(8, (30,), start=("glorot", 0.0)), Squared(), Penalty(), Rule())
    settings = check(rate=0.002, batch=32, epochs=20, stop=None, precision=64, seed=42)
    fitted = fit(parts, settings, Rows(features[train], target[train], np.ones(len(train))))
    predictions = np.asarray(parts.model.predict(fitted.parameters, features[test]))
    assert float(((predictions - target[test]) ** 2).mean()) == pytest.approx(PUBLISHED["keras"]["test_mse"], rel=0.1)
