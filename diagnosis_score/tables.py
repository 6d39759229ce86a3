"""Tables for the score: real ones that scikit-learn brings along, the bundled one, and generated ones whose law is
known. Each has a column `part` that says which rows train, so that theory can be done on exactly those.

Which half a table is in, tuning or held out, is fixed here, before any result is known.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from sklearn import datasets

ROOT = Path(__file__).resolve().parents[1]
TARGET = "y"


def frame_of(X: np.ndarray, y: np.ndarray, seed: int) -> pl.DataFrame:
    """Features x1, x2, ..., the target y, and 70% of the rows to train on."""
    draw = np.random.default_rng(seed + 1000)
    part = draw.choice(["train", "validation", "test"], len(y), p=[0.7, 0.15, 0.15])
    columns = {f"x{i + 1}": X[:, i] for i in range(X.shape[1])}
    target = [f"c{int(v)}" for v in y] if y.dtype.kind in "iu" else y
    return pl.DataFrame(columns | {TARGET: target, "part": part})


def housing(seed: int) -> pl.DataFrame:
    """2,000 rows of the bundled table, numbers only."""
    frame = pl.read_csv(ROOT / "src/fallline/examples/california_housing.csv.gz").drop("ocean_proximity").drop_nulls()
    frame = frame.sample(2000, seed=seed, shuffle=True)
    return frame_of(frame.drop("median_house_value").to_numpy(), frame["median_house_value"].to_numpy() * 1.0, seed)


def bundled(load: Callable) -> Callable[[int], pl.DataFrame]:
    """One of scikit-learn's own tables, in a random order."""

    def table(seed: int) -> pl.DataFrame:
        X, y = load(return_X_y=True)
        order = np.random.default_rng(seed).permutation(len(y))
        return frame_of(X[order].astype(float), y[order], seed)

    return table


def digits(seed: int) -> pl.DataFrame:
    """900 of scikit-learn's digits, less the pixels that are blank on nine of ten of them: some are on all."""
    X, y = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))[:900]
    X, y = X[order], y[order]
    return frame_of(X[:, (X > 0).mean(axis=0) > 0.1], y, seed)


def linear(rows: int, features: int, noise: float) -> Callable[[int], pl.DataFrame]:
    """y = Xw + noise: a linear model is the truth."""

    def table(seed: int) -> pl.DataFrame:
        draw = np.random.default_rng(seed)
        X = draw.normal(size=(rows, features)) @ (np.eye(features) + 0.3 * draw.normal(size=(features, features)))
        w = draw.choice([-1, 1], features) * draw.uniform(0.5, 1.5, features)
        y = X @ w
        return frame_of(X, y / y.std() + noise * draw.normal(size=rows), seed)

    return table


def sine(seed: int) -> pl.DataFrame:
    """Waves: no straight line comes near."""
    draw = np.random.default_rng(seed)
    X = draw.uniform(-3, 3, size=(500, 2))
    return frame_of(X, np.sin(3 * X[:, 0]) + 0.5 * np.cos(2 * X[:, 1]) + 0.05 * draw.normal(size=500), seed)


def product(seed: int) -> pl.DataFrame:
    """y = x1 * x2: neither says anything alone."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(600, 4))
    return frame_of(X, X[:, 0] * X[:, 1] + 0.1 * draw.normal(size=600), seed)


def xor(seed: int) -> pl.DataFrame:
    """Two classes by the sign of a product."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(600, 3))
    return frame_of(X, (X[:, 0] * X[:, 1] > 0).astype(int), seed)


def made(make: Callable, **options) -> Callable[[int], pl.DataFrame]:
    """One of scikit-learn's generators."""

    def table(seed: int) -> pl.DataFrame:
        X, y = make(random_state=seed, **options)
        return frame_of(X, y, seed)

    return table


def friedman(seed: int) -> pl.DataFrame:
    """Friedman's first function, its target of standard deviation 1."""
    X, y = datasets.make_friedman1(700, 8, noise=1.0, random_state=seed)
    return frame_of(X, (y - y.mean()) / y.std(), seed)


def nothing(classes: int, rows: int, features: int) -> Callable[[int], pl.DataFrame]:
    """A target that has nothing to do with the features."""

    def table(seed: int) -> pl.DataFrame:
        draw = np.random.default_rng(seed)
        y = draw.integers(0, classes, rows) if classes else draw.normal(size=rows)
        return frame_of(draw.normal(size=(rows, features)), y, seed)

    return table


def shuffled(name: str) -> Callable[[int], pl.DataFrame]:
    """Another table with its target shuffled."""
    return lambda seed: TABLES[name][1](seed).with_columns(pl.col(TARGET).shuffle(seed=seed + 5))


def waste(rows: int, features: int) -> Callable[[int], pl.DataFrame]:
    """Few rows, many features, much noise: easily remembered, hardly learned."""

    def table(seed: int) -> pl.DataFrame:
        draw = np.random.default_rng(seed)
        X = draw.normal(size=(rows, features))
        y = X[:, 0] + 0.5 * X[:, 1] + 1.0 * draw.normal(size=rows)
        return frame_of(X, y / y.std(), seed)

    return table


def count(seed: int) -> pl.DataFrame:
    """Counts whose logarithm is linear."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(500, 3))
    return frame_of(X, draw.poisson(np.exp(0.6 * X[:, 0] - 0.4 * X[:, 1] + 0.7)) * 1.0, seed)


def blobs(weights: list[float], sep: float) -> Callable[[int], pl.DataFrame]:
    """Classes of unequal size that overlap."""

    def table(seed: int) -> pl.DataFrame:
        X, y = datasets.make_classification(
            1200, 6, n_informative=4, n_redundant=0, n_classes=len(weights), n_clusters_per_class=1, weights=weights,
            class_sep=sep, flip_y=0, random_state=seed,
        )  # fmt: skip
        return frame_of(X, y, seed)

    return table


A, B = "tuning", "held out"
TABLES: dict[str, tuple[str, Callable[[int], pl.DataFrame]]] = {
    "diabetes": (A, bundled(datasets.load_diabetes)),
    "friedman": (A, friedman),
    "linear8": (A, linear(600, 8, 0.4)),
    "sine": (A, sine),
    "breast cancer": (A, bundled(datasets.load_breast_cancer)),
    "iris": (A, bundled(datasets.load_iris)),
    "moons": (A, made(datasets.make_moons, n_samples=600, noise=0.2)),
    "circles": (A, made(datasets.make_circles, n_samples=600, noise=0.08, factor=0.5)),
    "even": (A, blobs([0.5, 0.5], 0.6)),
    "rare 4%": (A, blobs([0.96, 0.04], 0.6)),
    "rare of 3": (A, blobs([0.57, 0.4, 0.03], 0.8)),
    "noise": (A, nothing(0, 500, 6)),
    "coins": (A, nothing(2, 600, 5)),
    "waste": (A, waste(120, 70)),
    "counts": (A, count),
    "housing": (B, housing),
    "linear20": (B, linear(900, 20, 0.7)),
    "linear3": (B, linear(400, 3, 0.2)),
    "product": (B, product),
    "xor": (B, xor),
    "wine": (B, bundled(datasets.load_wine)),
    "digits": (B, digits),
    "uneven": (B, blobs([0.65, 0.35], 0.5)),
    "three": (B, blobs([0.4, 0.35, 0.25], 0.8)),
    "rare 3%": (B, blobs([0.97, 0.03], 0.5)),
    "rare 7%": (B, blobs([0.93, 0.07], 0.3)),
    "noise12": (B, nothing(0, 800, 12)),
    "dice": (B, nothing(3, 900, 4)),
    "small waste": (B, waste(90, 55)),
    "shuffled housing": (B, shuffled("housing")),
}
