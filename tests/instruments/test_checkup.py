"""What a checkup says agrees with NumPy, with theory, and with how the table was made."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.instruments import measure
from fallline.instruments.columns import conditions
from fallline.instruments.reference import chance, refer, skill

DRAW = np.random.default_rng(1)
N = 240
A, B, C = DRAW.normal(size=(3, N))
Y = 2 * A - B + 0.3 * DRAW.normal(size=N)
TABLE = pl.DataFrame({"a": A, "b": B, "c": C, "y": Y})


def checked(tmp_path, table=TABLE, target="y", **settings):
    given = {"epochs": 30, "rate": 0.05, "batch": 32} | settings
    run = fl.open_run(fl.train(table, target, runs=tmp_path, precision=64, **given).path, table)
    return run, measure(run.training, "checkup")


def test_losses_and_skills_equal_numpys(tmp_path):
    run, found = checked(tmp_path)
    f, metrics = found.figures, run.metrics
    assert f["train_loss"] == pytest.approx(metrics["train"]["loss"])
    assert f["train_skill"] == pytest.approx(metrics["train"]["r2"])
    assert f["trivial_loss"] == pytest.approx(run.start["trivial_loss"])
    rows = run.data["rows"]
    both = metrics["validation"]["loss"] * rows["validation"] + metrics["test"]["loss"] * rows["test"]
    assert f["held_loss"] == pytest.approx(both / (rows["validation"] + rows["test"]))
    assert f["held_chance"] == pytest.approx(1 / 201)
    assert f["held_surer"] > 3


def test_the_largest_curvature_of_a_linear_model_is_the_largest_eigenvalue_of_its_rows(tmp_path):
    run, found = checked(tmp_path)
    X = np.column_stack([np.asarray(run.training.ready.whole.features), np.ones(run.data["rows"]["train"])])
    top = np.linalg.eigvalsh(X.T @ X / len(X))[-1]
    assert found.figures["lambda_max"] == pytest.approx(top, rel=1e-4)
    assert found.figures["stable_rate"] == pytest.approx(2 / top, rel=1e-4)


def test_condition_numbers_equal_those_of_the_gram_matrix():
    X = DRAW.normal(size=(200, 4)) * [1, 100, 0.01, 3] + [0, 5, 0, -2]
    raw, scaled = conditions(X, bias=True)
    ones = np.ones((200, 1))
    assert raw == pytest.approx(np.linalg.cond(np.hstack([X, ones])) ** 2, rel=1e-6)
    standardised = (X - X.mean(0)) / X.std(0)
    assert scaled == pytest.approx(np.linalg.cond(np.hstack([standardised, ones])) ** 2, rel=1e-6)
    assert conditions(np.hstack([X, X[:, :1] * 2]), bias=True)[1] < 100  # what does not vary at all is left out


def test_some_more_steps_are_those_that_the_run_would_have_made(tmp_path):
    run, found = checked(tmp_path, batch="full", rate=0.02, steps=20, stop="none")
    f = found.figures
    assert f["onward_steps"] == 20
    longer, _ = checked(tmp_path, batch="full", rate=0.02, steps=41, stop="none")
    objective = longer.trace["objective"].to_numpy()  # before each update
    assert f["onward_now"] == pytest.approx(objective[20])
    assert f["onward_same"] == pytest.approx(objective[[32, 36, 40]].mean())
    assert f["onward_cooled"] > f["onward_same"]
    assert f["onward_larger"] == np.inf or f["onward_larger"] < f["onward_same"]
    with precision(64):
        state = run.training.state(20).parameters["weights"]
    np.testing.assert_allclose(state, run.weights()["weights"], rtol=1e-6)


def test_batches_go_on_where_the_run_left_off(tmp_path):
    _, found = checked(tmp_path, batch=16, rate=1e-7, steps=30, stop="none")
    f = found.figures
    assert f["onward_same"] == pytest.approx(f["onward_now"], rel=1e-5)
    assert f["onward_larger"] < f["onward_now"] - 1e-3
    assert f["onward_factor"] == 3e4


def test_columns_tell_alone_what_they_were_made_to_tell(tmp_path):
    table = TABLE.with_columns(
        (pl.col("y") * 3 + 1).alias("billed"),
        pl.col("a").exp().alias("bent"),
        (pl.col("c") * 1.8 + 32).alias("fahrenheit"),
        pl.lit(7).alias("always"),
    )
    _, found = checked(tmp_path, table)
    alone = dict(found.frame.select("name", "alone").iter_rows())
    assert alone["billed"] > 0.999
    assert alone["a"] == pytest.approx(0.78, abs=0.1)  # 4 / (4 + 1 + 0.09)
    assert alone["bent"] > 0.5  # not in a straight line, but one by one
    assert abs(alone["c"]) < 0.3
    f = found.figures
    assert f["telling"] == ["billed"]
    assert 0.7 < f["others_skill"] < 0.99
    assert f["twins"] == [["c", "fahrenheit"]]
    assert f["constant"] == []  # it never became a feature


def test_a_category_under_another_name_is_a_twin_and_the_target_in_other_words_a_leak(tmp_path):
    kind = np.where(A > 0.4, "high", np.where(A < -0.4, "low", "middle"))
    table = pl.DataFrame({
        "a": A, "b": B, "grade": kind, "code": np.where(kind == "high", 3, np.where(kind == "low", 1, 2)),
        "y": np.where(B + 0.5 * C > 0, "yes", "no"), "said": np.where(B + 0.5 * C > 0, "ja", "nein"),
    })  # fmt: skip
    _, found = checked(tmp_path, table)
    assert found.figures["twins"] == [["grade", "code"]]
    assert found.figures["telling"] == ["said"]
    assert found.figures["renamed"] == ["said"]


def test_shares_and_recognition_of_classes_equal_numpys(tmp_path):
    table = pl.DataFrame({"a": A, "b": B, "y": np.where(A + 0.5 * B > 1.2, "rare", "usual")})
    run, found = checked(tmp_path, table)
    f = found.figures
    train = table["y"].to_numpy()[run.training.table.split.train]
    assert f["rarest"] == "rare"
    assert f["rarest_share"] == pytest.approx(np.mean(train == "rare"))
    held = run.predictions
    right = held.filter(actual="rare")
    assert f["rarest_recognised"] == pytest.approx((right["predicted"] == "rare").mean())
    assert f["recognised"] == pytest.approx((held["actual"] == held["predicted"]).mean())


@pytest.mark.parametrize(
    ("settings", "wrong", "outside"),
    [
        ({"output": "sigmoid"}, None, lambda y: np.mean((y < 0) | (y > 1))),
        ({"output": "relu"}, None, lambda y: np.mean(y < 0)),
        ({"output": "softmax"}, "one", None),
        ({}, None, lambda y: 0.0),
    ],
)
def test_what_an_output_cannot_express_is_counted(tmp_path, settings, wrong, outside):
    run, found = checked(tmp_path, epochs=2, **settings)
    assert found.figures["wrong"] == wrong
    if outside is not None:
        assert found.figures["target_outside"] == pytest.approx(outside(np.asarray(run.training.ready.whole.target)))


def test_predictions_by_chance_have_chances_that_are_spread_evenly_and_good_ones_the_least():
    draws = [chance(DRAW.normal(size=60), DRAW.normal(size=60), seed=n) for n in range(200)]
    assert np.mean(draws) == pytest.approx(0.5, abs=0.08)
    assert 0.02 < np.mean(np.array(draws) <= 0.1) < 0.18
    assert chance(A, A) == pytest.approx(1 / 201)
    assert chance(np.zeros(60), A[:60]) == 1.0
    assert chance(A[:3], A[:3]) is None
    assert chance(np.full(60, np.nan), A[:60]) is None


def test_the_reference_finds_what_bends_and_finds_nothing_where_nothing_is():
    X = DRAW.uniform(-2, 2, size=(400, 3))
    y = np.sin(2 * X[:, 0]) * X[:, 1]
    found = refer(X, y, 0)
    assert found is not None
    assert sorted(found.rows) == list(range(400))  # each row once, by trees that did not see it
    assert skill(found.predicted, y[found.rows], y.mean()) > 0.7
    none = refer(X, DRAW.normal(size=400), 0)
    assert none is not None
    assert chance(none.predicted, DRAW.normal(size=400)) > 0.01
    assert refer(X[:10], y[:10], 0) is None


def test_skill_is_r_squared_and_briers_skill():
    assert skill(A * 0, A, 0.0) == 0
    assert skill(A, A, A.mean()) == 1
    codes = np.array([0, 1, 1, 0])
    half = np.full((4, 2), 0.5)
    assert skill(half, codes, np.array([0.5, 0.5])) == 0
    assert skill(np.eye(2)[codes], codes, np.array([0.5, 0.5])) == 1


def test_a_loss_of_ones_own_has_a_checkup_without_a_table():
    done = fl.descend(
        lambda p, rows: ((p - rows) ** 2).mean(), np.zeros(2), DRAW.normal(size=(30, 2)), steps=40, rate=0.1
    )
    with precision(64):
        found = measure(done.training, "checkup")
    assert found.frame.is_empty()
    assert "features" not in found.figures
    assert found.figures["lambda_max"] == pytest.approx(1.0)  # 2 over the two numbers of a row
    assert found.figures["onward_steps"] > 0


def test_a_run_that_diverged_at_once_has_one_too(tmp_path):
    run, found = checked(tmp_path, rate=1e6)
    assert run.verdict.state == "diverged"
    assert found.figures["train_loss"] > 0
