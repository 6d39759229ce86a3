"""Training set-ups whose symptoms are known without the detectors: by how they were made, or by theory done on the
training rows with NumPy. Healthy ones as well, since a detector that accuses the healthy is worth nothing.

`ids` are really so. `also` are consequences or neighbours that may be so and count neither way. `check` names an
independent measurement (in `truth.py`) that decides, after training, whether the fault did come about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from tables import TABLES, TARGET


@dataclass
class SetUp:
    """One training. `change` alters the table; rates may be given relative to 2 / lambda_max as "limit:0.97"."""

    name: str
    table: str
    ids: frozenset[str]
    how: str
    settings: dict[str, Any]
    also: frozenset[str] = frozenset()
    change: Any = None
    seed: int = 0
    check: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def half(self) -> str:
        return TABLES[self.table][0]

    @cached_property
    def frame(self) -> pl.DataFrame:
        frame = TABLES[self.table][1](self.seed)
        return self.change(frame) if self.change else frame


def rate_of(setup: SetUp) -> dict[str, Any]:
    """The settings, a rate given by theory made a number."""
    rate = setup.settings.get("rate")
    if not isinstance(rate, str) or ":" not in rate:
        return setup.settings
    kind, part = rate.split(":")
    H = hessian(setup.frame, setup.settings.get("standardize", True))
    limit = 2 / np.linalg.eigvalsh(H)[-1]
    found = float(part) * limit
    if kind == "misadjustment":  # M = rate tr(H) / (2 - rate tr(H)) for batches of one row (Widrow and Stearns)
        found = 2 * float(part) / (1 + float(part)) / np.trace(H)
    return setup.settings | {"rate": found}


def hessian(frame: pl.DataFrame, standardize: bool) -> np.ndarray:
    """Of half the mean squared error of a linear model on the training rows."""
    X = frame.filter(part="train").drop(TARGET, "part").to_numpy()
    if standardize:
        X = (X - X.mean(0)) / X.std(0)
    X = np.column_stack([X, np.ones(len(X))])
    return X.T @ X / len(X)


def made(table: str, name: str, ids: str, how: str, also: str = "", change: Any = None, seed: int = 0,
         check: str | None = None, options: dict | None = None, **settings: Any) -> SetUp:  # fmt: skip
    return SetUp(f"{name}, {table}", table, frozenset(ids.split()), how, settings, frozenset(also.split()), change,
                 seed, check, options or {})  # fmt: skip


def healthy() -> Iterator[SetUp]:
    how = "settings as they come, or usual ones, on a table that they suit"
    for table in ("diabetes", "friedman", "linear8", "housing", "linear20", "linear3"):
        yield made(table, "linear", "", how)
        yield made(table, "linear, full batch", "", how, batch="full", seed=1)
    for table in ("breast cancer", "even", "uneven"):
        yield made(table, "logistic", "", how)
    for table in ("iris", "wine", "three", "digits"):
        yield made(table, "softmax", "", how, epochs=60, rate=0.3, batch=16)
    for table in ("friedman", "housing", "linear20"):
        yield made(table, "network, patience", "", how, model="mlp:24,24", stop="patience:8", epochs=100)
        yield made(table, "small tanh network", "", how, model="mlp:12", activation="tanh", stop="patience:8",
                   epochs=150, seed=2)  # fmt: skip
    for table in ("moons", "circles", "xor"):
        yield made(table, "network by Adam", "", how, model="mlp:32,32", rule="adam", rate=0.01, epochs=80,
                   stop="patience:15")  # fmt: skip
    for table in ("breast cancer", "digits", "wine"):
        yield made(table, "network, penalty", "", how, model="mlp:32", l2=0.01, rule="adam", rate=0.003, epochs=150,
                   batch=16, stop="patience:10", seed=3)  # fmt: skip
    for table in ("linear8", "linear20"):
        yield made(table, "momentum", "", how, rule="momentum", rate="limit:0.05", batch="full", epochs=400)
        yield made(table, "cosine", "", how, rate="limit:0.2", schedule="cosine", epochs=40, batch=16)
    yield made("counts", "poisson", "", how, loss="poisson")
    yield made("sine", "network for waves", "", how, model="mlp:64,64", rule="adam", rate=0.005, epochs=150,
               batch=16, stop="patience:30")  # fmt: skip
    yield made("product", "network for a product", "", how, model="mlp:48,48", rule="adam", rate=0.005, epochs=150,
               batch=16, stop="patience:20")  # fmt: skip


def rates() -> Iterator[SetUp]:
    how = "rate above 2 / lambda_max of the training rows"
    for table in ("linear8", "diabetes", "linear20", "housing"):
        yield made(table, "too fast", "diverged", how, rate="limit:1.6", batch="full", epochs=400)
    for table in ("friedman", "linear3"):
        yield made(table, "network too fast", "diverged", "rate 20 with a network of relu units and no bound",
                   model="mlp:16,16", rate=20.0, epochs=20, check="not finite")  # fmt: skip
    how = "full batch, rate at 0.96 to 0.99 of 2 / lambda_max: each step multiplies the top direction by nearly -1"
    for table, part in (
        ("linear8", 0.96),
        ("friedman", 0.98),
        ("linear20", 0.97),
        ("housing", 0.99),
        ("linear3", 0.96),
    ):
        yield made(table, f"{part} of the limit", "oscillating", how, rate=f"limit:{part}", batch="full", epochs=200,
                   stop="none")  # fmt: skip
    how = "a heavy ball of beta 0.99: roots of modulus sqrt(0.99), hundreds of steps of swinging"
    for table in ("linear8", "linear3"):
        yield made(table, "too much momentum", "oscillating", how, rule="momentum:0.99", rate="limit:0.05",
                   batch="full", epochs=200, stop="none", also="stopped-early rate-too-large")  # fmt: skip
    how = "rate a ten-thousandth of 2 / lambda_max, too few steps to matter: the exact answer stays far away"
    for table in ("linear8", "diabetes", "housing", "linear20"):
        yield made(table, "far too slow", "rate-too-small", how, rate="limit:0.0001", epochs=20,
                   also="worse-than-trivial stopped-early", check="far from exact")  # fmt: skip
    for table in ("breast cancer", "three"):
        yield made(table, "far too slow", "rate-too-small", "rate 0.00002 for log loss, where 0.1 would do", rate=2e-5,
                   epochs=20, also="worse-than-trivial stopped-early class-imbalance")  # fmt: skip
    for table in ("friedman", "xor"):
        yield made(
            table,
            "network far too slow",
            "rate-too-small",
            "Adam moves each weight by 0.00001 a step at most",
            model="mlp:32,32",
            rule="adam",
            rate=1e-5,
            epochs=20,
            also="worse-than-trivial stopped-early",
        )
    how = "rates at which the losses (whose gradients have bounds) are thrown about or hover far above their optimum"
    large = (
        "oscillating worse-than-trivial noise-floor dead-units saturated overfitting loss-metric-disagree stopped-early"
    )
    for table in ("even", "uneven"):
        yield made(table, "logistic too fast", "rate-too-large", how, rate=400.0, batch="full", epochs=200, stop="none",
                   also=large, check="slower is better")  # fmt: skip
    for table in ("linear8", "linear20"):
        yield made(table, "absolute too fast", "rate-too-large", how, loss="absolute", rate=3.0, batch="full",
                   epochs=200, stop="none", also=large, check="slower is better")  # fmt: skip
    for table in ("friedman", "housing", "digits"):
        yield made(table, "Adam too fast", "rate-too-large", how, model="mlp:24,24", rule="adam", rate=1.0, epochs=25,
                   stop="none", also=large + " too-weak exploding-gradient", check="slower is better")  # fmt: skip
    how = "batches of one row at a rate whose misadjustment is about 0.5 by theory"
    for table in ("linear8", "diabetes", "linear20", "linear3", "housing"):  # rows far out, as in housing, stand less
        yield made(table, "one row at a time", "noise-floor", how, rate="misadjustment:0.45", batch=1, epochs=30,
                   stop="none", check="hovers",
                   also="loss-metric-disagree" + " rate-too-large" * (table == "housing"))  # fmt: skip
    for table in ("even", "uneven"):
        yield made(table, "logistic, one row at a time", "noise-floor", "batches of 1 row, rate 1", rate=1.0, batch=1,
                   epochs=20, stop="none", check="hovers", also="rate-too-large loss-metric-disagree")  # fmt: skip
    how = "ended after a few steps of a rate well within its limit, far from the exact answer"
    for table in ("linear8", "diabetes", "linear20", "housing"):
        yield made(table, "ended early", "stopped-early", how, rate="limit:0.15", batch="full", steps=12,
                   also="worse-than-trivial", check="far from exact")  # fmt: skip
    for table in ("friedman", "digits"):
        yield made(table, "network ended early", "stopped-early", "a few hundred steps of Adam at 0.001, loss falling",
                   model="mlp:32,32", rule="adam", rate=0.001, epochs=6 if table == "friedman" else 3,
                   also="worse-than-trivial")  # fmt: skip


def layers() -> Iterator[SetUp]:
    how = "tanh or sigmoid with start weights of standard deviation 3 to 6: most inputs lie where it is flat"
    hard = (
        "too-weak overfitting rate-too-large worse-than-trivial noise-floor exploding-gradient stopped-early "
        "rate-too-small loss-metric-disagree oscillating"
    )
    for table, activation, init in (("linear8", "tanh", "normal:4"), ("even", "sigmoid", "normal:6"),
                                    ("linear20", "tanh", "normal:3"), ("digits", "tanh", "normal:4"),
                                    ("three", "sigmoid", "normal:6")):  # fmt: skip
        yield made(table, f"{activation} from {init}", "saturated", how, model="mlp:24,24", activation=activation,
                   init=init, rate=0.001, epochs=15, also=hard + " vanishing-gradient", check="saturated")  # fmt: skip
    weak = "rate-too-small too-weak worse-than-trivial stopped-early"
    how = "eight layers of sigmoid units: each multiplies the gradient by a quarter or less"
    for table in ("friedman", "even", "linear20", "three"):
        yield made(table, "deep sigmoid", "vanishing-gradient", how, model="mlp:12,12,12,12,12,12,12",
                   activation="sigmoid", rate=0.05, epochs=15, also=weak)  # fmt: skip
    how = "six layers of tanh with start weights of 0.01: signal and gradient shrink in each"
    for table in ("linear8", "linear3"):
        yield made(table, "tiny start", "vanishing-gradient", how, model="mlp:16,16,16,16,16", activation="tanh",
                   init="normal:0.01", rate=0.05, epochs=15, also=weak)  # fmt: skip
    how = "six relu layers of 32 with start weights of standard deviation 1: each enlarges the signal about fourfold"
    for table in ("friedman", "linear8", "linear20", "xor"):
        yield made(table, "huge start", "exploding-gradient", how, model="mlp:32,32,32,32,32", init="normal:1",
                   epochs=15, also=hard + " dead-units diverged")  # fmt: skip
    how = "steps of Adam so long that they throw relu units to where no row wakes them"
    for table, rate in (
        ("friedman", 0.7),
        ("moons", 3.0),
        ("linear3", 0.7),
        ("product", 0.7),
        ("xor", 3.0),
        ("three", 3.0),
    ):
        yield made(table, f"dead by Adam at {rate:g}", "dead-units", how, model="mlp:32,32", rule="adam", rate=rate,
                   batch=8, epochs=15, stop="none",
                   also=hard + " vanishing-gradient diverged", check="dead")  # fmt: skip
    for table, init in (
        ("friedman", "constant:0.1"),
        ("even", "constant:0.5"),
        ("linear20", "constant:0.05"),
        ("digits", "constant:0"),
    ):
        yield made(table, f"network from {init}", "symmetric-start", "all start weights equal", model="mlp:16,16",
                   init=init, rate=0.02, epochs=15,
                   also="worse-than-trivial overfitting stopped-early exploding-gradient noise-floor")  # fmt: skip


def data() -> Iterator[SetUp]:
    wide = "stopped-early worse-than-trivial noise-floor rate-too-small oscillating rate-too-large"
    how = "columns as they are, of very different sizes"
    for table in ("breast cancer", "wine"):
        yield made(table, "raw columns", "badly-scaled", how, standardize=False, epochs=60, also=wide + " overfitting")

    def stretched(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col("x1") * 1000, pl.col("x2") * 0.01)

    for table in ("linear8", "linear20", "uneven"):
        yield made(table, "stretched columns", "badly-scaled", "x1 times 1,000, x2 a hundredth, no scaling",
                   change=stretched, standardize=False, epochs=30, also=wide)  # fmt: skip
    yield made("housing", "raw columns and target", "badly-scaled target-scale", how, standardize=False, epochs=60,
               also=wide)  # fmt: skip
    how = "target in units of 100,000, or with a large mean, unscaled; features of size 1"
    for table, factor, mean in (
        ("linear8", 1e5, 0.0),
        ("friedman", 5e3, 2e4),
        ("linear20", 2e5, 1e6),
        ("linear3", 1e3, 0.0),
    ):
        yield made(table, "target in other units", "target-scale", how, standardize=False, batch="full", epochs=300,
                   change=lambda f, a=factor, b=mean: f.with_columns(pl.col(TARGET) * a + b),
                   also="stopped-early worse-than-trivial")  # fmt: skip
    how = "one class has 3 to 7% of the rows and overlaps with another"
    for table in ("rare 4%", "rare of 3", "rare 3%", "rare 7%"):
        yield made(table, "logistic or softmax", "class-imbalance", how, epochs=60, also="too-weak")

    def constant(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.lit(7).alias("always"))

    for table in ("diabetes", "iris", "linear20", "wine"):
        yield made(table, "a constant column", "constant-feature", "a column of sevens", change=constant, epochs=60)
    twice = {
        "a copy": lambda f: f.with_columns(pl.col("x1").alias("again")),
        "other units": lambda f: f.with_columns((pl.col("x2") * 1.8 + 32).alias("fahrenheit")),
        "other words": lambda f: f.with_columns(
            (pl.col("x1") > 0).cast(pl.Int64).alias("code"),
            pl.when(pl.col("x1") > 0).then(pl.lit("high")).otherwise(pl.lit("low")).alias("word"),
        ),
    }
    for table, name in (("linear8", "a copy"), ("breast cancer", "other units"), ("friedman", "other units"),
                        ("linear20", "other words"), ("housing", "a copy"), ("three", "other units")):  # fmt: skip
        yield made(table, name, "duplicate-feature", "a column that says what another says", change=twice[name],
                   epochs=60)  # fmt: skip
    how = "a column made of the target: with noise of 1%, or in other words"

    def leak(frame: pl.DataFrame) -> pl.DataFrame:
        if frame[TARGET].dtype == pl.String:
            return frame.with_columns(pl.col(TARGET).replace({"c0": "p", "c1": "q", "c2": "r"}).alias("outcome"))
        noise = pl.Series(np.random.default_rng(9).normal(size=len(frame)) * 0.01)
        return frame.with_columns((pl.col(TARGET) * (1 + noise) * 3 + 1).alias("billed"))

    for table in ("linear8", "diabetes", "even", "housing", "linear20", "uneven"):
        yield made(table, "a leak", "leaking-feature", how, change=leak, epochs=60)


def noisy(frame: pl.DataFrame) -> pl.DataFrame:
    """250 rows; of classes, a fifth of the labels drawn anew."""
    frame = frame.head(250)
    if frame[TARGET].dtype != pl.String:
        return frame
    draw = np.random.default_rng(11)
    anew = pl.Series(draw.choice(frame[TARGET].unique().sort().to_list(), len(frame)))
    return frame.with_columns(
        pl.when(pl.Series(draw.random(len(frame)) < 0.2)).then(anew).otherwise(TARGET).alias(TARGET)
    )


def outcomes() -> Iterator[SetUp]:
    how = "large networks trained for long on few, noisy rows; or nearly as many features as rows"
    for table in ("waste", "small waste"):
        yield made(table, "remembered", "overfitting", how, model="mlp:64,64", rule="adam", rate=0.003, epochs=200,
                   stop="none", also="worse-than-trivial unlearnable stopped-early")  # fmt: skip
        yield made(table, "remembered by a line", "overfitting", how, batch="full", epochs=2000, rate="limit:0.4",
                   stop="none", seed=4, also="unlearnable worse-than-trivial", check="turned")  # fmt: skip
    for table in ("even", "diabetes", "uneven", "three"):
        yield made(table, "a network for too long", "overfitting", how, model="mlp:96,96", rule="adam", rate=0.003,
                   epochs=150, stop="none", change=noisy, also="worse-than-trivial loss-metric-disagree",
                   check="turned")  # fmt: skip
    how = "a model that can't bend on a table that does"
    for table in ("sine", "circles", "product", "xor"):
        yield made(table, "a straight model", "too-weak", how, epochs=60, also="unlearnable" if table == "xor" else "")
    for table in ("circles", "xor"):
        yield made(table, "one unit", "too-weak", how, model="mlp:1", activation="tanh", rule="adam", rate=0.02,
                   epochs=60, also="saturated")  # fmt: skip
    how = "no bias and no scaling: with a target of mean 5 and standard deviation 1 the model can't reach its middle"
    for table in ("linear8", "linear3", "friedman", "linear20"):
        yield made(table, "no way to the mean", "worse-than-trivial", how, bias=False, standardize=False, epochs=100,
                   change=lambda f: f.with_columns(pl.col(TARGET) + 5, *(pl.col(c) - pl.col(c).mean() for c in f.columns
                   if c[0] == "x")), also="too-weak noise-floor badly-scaled", check="worse")  # fmt: skip
    for table in ("diabetes", "housing"):
        yield made(table, "hardly begun", "worse-than-trivial", "a network with large start weights, ten steps",
                   model="mlp:16", init="normal:1", rate=1e-4, steps=10, check="worse",
                   also="rate-too-small stopped-early exploding-gradient")  # fmt: skip
    how = "the target was drawn without looking at the features, or shuffled"
    for table in ("noise", "coins", "noise12", "dice", "shuffled housing"):
        yield made(table, "nothing to learn", "unlearnable", how, epochs=60, also="worse-than-trivial overfitting")
    yield made("coins", "nothing for a network", "unlearnable", how, model="mlp:16", rule="adam", rate=0.003, epochs=40,
               seed=2, stop="patience:5", also="worse-than-trivial overfitting")  # fmt: skip
    yield made("noise12", "nothing for a network", "unlearnable", how, model="mlp:16", epochs=40, seed=3,
               stop="patience:5", also="worse-than-trivial overfitting")  # fmt: skip
    how = "the loss aims at a quantile, the final measure at the middle"
    for table, q, metric in (("noise", 0.95, "mae"), ("diabetes", 0.95, "rmse"), ("linear8", 0.98, "mae"),
                        ("linear20", 0.97, "mae"), ("noise12", 0.97, "rmse"), ("housing", 0.98, "mae")):  # fmt: skip
        yield made(table, f"quantile {q} by {metric}", "loss-metric-disagree", how, loss=f"quantile:{q}",
                   epochs=60, init="constant:0", options={"metric": metric}, also="unlearnable",
                   check="apart")  # fmt: skip
    how = "an output function or a loss that can't give the target"
    bad = "diverged worse-than-trivial too-weak saturated dead-units rate-too-large noise-floor stopped-early"
    for table, output in (("linear8", "sigmoid"), ("friedman", "relu"), ("linear20", "tanh"), ("housing", "sigmoid"),
                          ("linear3", "exp")):  # fmt: skip
        yield made(table, f"output {output}", "wrong-output", how, output=output, epochs=40, also=bad)
    for table, loss, output in (("even", "hinge", "relu"), ("three", "log", "sigmoid"), ("uneven", "hinge", "sigmoid")):
        yield made(table, f"{loss} after {output}", "wrong-output", how, loss=loss, output=output, rate=0.05, epochs=20,
                   also=bad)  # fmt: skip


def all_setups() -> list[SetUp]:
    """Every set-up, the healthy first."""
    return [setup for group in (healthy, rates, layers, data, outcomes) for setup in group()]
