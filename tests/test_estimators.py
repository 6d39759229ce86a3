"""The estimators keep scikit-learn's protocol, and what Fallline promises on top of it."""

from __future__ import annotations

import inspect
import pickle

import jax
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from fallline import legs
from fallline.errors import SettingsError
from fallline.estimators import DescentClassifier, DescentRegressor
from fallline.settings import Settings

# A few epochs, or a target of pure noise, are worse than trivial; where a warning is the point, it is asked for.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

EXACT = {"batch": "full", "precision": 64, "rule": "momentum:0.95", "epochs": 4000, "stop": None}


# scikit-learn's protocol


@parametrize_with_checks(
    [
        DescentRegressor(),
        DescentRegressor(model="mlp:4"),
        DescentRegressor(standardize=False),
        DescentClassifier(),
        DescentClassifier(loss="hinge"),
        DescentClassifier(batch=1, epochs=5),
    ]
)
def test_every_check_of_scikit_learn_passes(estimator, check):
    check(estimator)


@pytest.mark.parametrize("cls", [DescentRegressor, DescentClassifier])
def test_parameters_have_the_names_and_defaults_of_settings(cls):
    own = {"warm_start": False} | ({"class_weight": None} if cls is DescentClassifier else {})
    defaults = {name: p.default for name, p in inspect.signature(cls).parameters.items()}
    left_out = {"steps", "seconds", "rate_changes"}
    assert defaults == own | {
        name: field.default for name, field in Settings.model_fields.items() if name not in left_out
    }
    assert all(f"    {name} : default=" in cls.__doc__ for name in defaults if name not in own)


def test_they_work_in_a_pipeline_a_grid_search_and_cross_validation():
    X, y = load_iris(return_X_y=True)
    assert cross_val_score(DescentClassifier(), X, y, cv=3).mean() > 0.93
    search = GridSearchCV(DescentClassifier(epochs=20), {"l2": np.array([1e-4, 1.0]), "batch": [np.int64(16)]}, cv=3)
    search.fit(X, y)
    assert search.best_params_["l2"] == 1e-4
    X, y = load_diabetes(return_X_y=True)
    assert make_pipeline(StandardScaler(), DescentRegressor()).fit(X, y).score(X, y) > 0.48


@pytest.mark.parametrize("model", ["linear", "mlp:4"])
def test_a_pickled_model_predicts_the_same_and_goes_on_the_same(model):
    X, y = load_diabetes(return_X_y=True)
    fitted = DescentRegressor(model=model, rule="adam", epochs=2, stop=None, warm_start=True).fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(copy.fit(X, y).predict(X), fitted.fit(X, y).predict(X))


def test_what_will_not_do_is_said():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(NotFittedError):
        DescentRegressor().predict(X)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        DescentRegressor().fit(sparse.csr_matrix(X), y)
    for cls, given, said in [
        (DescentRegressor, {"rule": "adm"}, "Did you mean adam"),
        (DescentRegressor, {"model": "logistic"}, "DescentClassifier"),
        (DescentRegressor, {"stop": "patience:3"}, "held-out rows"),
        (DescentRegressor, {"batch": 1000}, "only 150"),
        (DescentClassifier, {"loss": "absolute"}, "needs a number"),
        (DescentClassifier, {"model": "logistic"}, "2 classes"),
        (DescentClassifier, {"class_weight": {7: 1.0}}, "names the class 7"),
        (DescentClassifier, {"class_weight": "even"}, "balanced"),
    ]:
        unfit = cls(**given)
        with pytest.raises(SettingsError, match=said):
            unfit.fit(X, y)
        with pytest.raises(NotFittedError):
            unfit.predict(X)
    with pytest.raises(ValueError, match="needs counts"):
        DescentRegressor(loss="poisson").fit(X, y - 1)
    with pytest.raises(AttributeError, match="network"):
        _ = DescentClassifier(model="mlp:2", epochs=1).fit(X[:60], y[:60] > 0).coef_
    with pytest.raises(ValueError, match="at least 2 classes"):
        DescentClassifier().fit(X[:50], y[:50])
    with pytest.raises(ValueError, match="first call"):
        DescentClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="but the classes are"):
        DescentClassifier().partial_fit(X, y, classes=[0, 1])


# what comes out


def test_coefficients_in_own_units_are_those_of_linear_regression():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    ours, exact = DescentRegressor(**EXACT).fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.coef_, exact.coef_, rtol=1e-4)
    np.testing.assert_allclose(ours.intercept_, exact.intercept_, rtol=1e-4)
    np.testing.assert_allclose(X @ ours.coef_ + ours.intercept_, ours.predict(X), rtol=1e-9)
    assert ours.verdict_.state == "converged"


def test_without_a_bias_the_plane_goes_through_the_origin():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X = X[:, [0, 2, 3]]
    ours = DescentRegressor(bias=False, **EXACT).fit(X, y)
    np.testing.assert_allclose(ours.coef_, LinearRegression(fit_intercept=False).fit(X, y).coef_, rtol=1e-4)
    assert ours.intercept_.tolist() == [0.0]
    assert ours.predict(np.zeros((1, 3))).tolist() == [0.0]


def test_coefficients_of_two_classes_are_those_of_logistic_regression():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, [0, 1, 4]]
    ours = DescentClassifier(rate=1.0, **EXACT).fit(X, y)
    exact = make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000)).fit(X, y)
    scaler, logistic = exact[0], exact[1]
    weights = logistic.coef_ / scaler.scale_
    np.testing.assert_allclose(ours.coef_, weights, rtol=1e-4)
    np.testing.assert_allclose(ours.intercept_, logistic.intercept_ - weights @ scaler.mean_, rtol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(X), exact.predict_proba(X), atol=1e-5)
    assert ours.coef_.shape == (1, 3)


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_coefficients_of_three_classes_are_those_of_logistic_regression(load):
    X, y = load(return_X_y=True)
    l2 = 0.01
    ours = DescentClassifier(rate=0.5, l2=l2, **EXACT).fit(X, y)
    scaler = StandardScaler().fit(X)
    exact = LogisticRegression(C=1 / (l2 * len(y)), tol=1e-10, max_iter=10_000).fit(scaler.transform(X), y)
    weights = exact.coef_ / scaler.scale_
    np.testing.assert_allclose(ours.coef_, weights, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.decision_function(X), X @ ours.coef_.T + ours.intercept_, atol=1e-9)
    np.testing.assert_allclose(ours.predict_proba(X), exact.predict_proba(scaler.transform(X)), atol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), exact.predict(scaler.transform(X)))


def test_counts_are_those_of_poisson_regression():
    X, _ = load_diabetes(return_X_y=True)
    y = np.random.default_rng(0).poisson(np.exp(1 + 8 * X[:, 2]))
    ours = DescentRegressor(loss="poisson", **(EXACT | {"rule": "plain"})).fit(X[:, 2:4], y)
    exact = PoissonRegressor(alpha=0, tol=1e-12, max_iter=10_000).fit(X[:, 2:4], y)
    np.testing.assert_allclose(ours.predict(X[:, 2:4]), exact.predict(X[:, 2:4]), rtol=1e-4)
    np.testing.assert_allclose(ours.coef_, exact.coef_, rtol=1e-3)


def test_two_softmax_scores_are_told_as_one():
    X, y = load_breast_cancer(return_X_y=True)
    one = DescentClassifier(l2=0.01, **EXACT).fit(X[:, :3], y)
    two = DescentClassifier(model="softmax", l2=0.02, **EXACT).fit(X[:, :3], y)
    np.testing.assert_allclose(two.coef_, one.coef_, rtol=1e-3)
    np.testing.assert_allclose(two.decision_function(X[:, :3]), one.decision_function(X[:, :3]), atol=1e-3)


@pytest.mark.parametrize("rows", [20, 65, 100, 257, 1000, 5000])
@pytest.mark.parametrize("seed", range(3))
def test_columns_far_from_zero_come_out_within_a_thousandth_of_the_exact_r2(rows, seed):
    draw = np.random.default_rng(seed)
    X = np.column_stack([draw.normal(3000, 1000, rows), draw.normal(size=rows)])
    y = 10_000 + X @ [0.5, 300] + draw.normal(0, 200, rows)
    exact = LinearRegression().fit(X, y).score(X, y)
    assert DescentRegressor(seed=seed).fit(X, y).score(X, y) == pytest.approx(exact, rel=1e-3)


def test_a_rate_too_large_on_raw_columns_is_told():
    draw = np.random.default_rng(0)
    X = np.column_stack([draw.normal(3000, 1000, 500), draw.normal(size=500)])
    y = X @ [0.5, 300]
    with pytest.warns(ConvergenceWarning, match="Diverged: the objective exploded") as told:
        model = DescentRegressor(standardize=False, rate=0.1).fit(X, y)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert model.verdict_.state == "diverged"
    assert np.isfinite(model.predict(X)).all()


def test_worse_than_a_constant_is_told():
    X, y = load_diabetes(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="Worse than trivial"):
        DescentRegressor(rate=1e-9, init="normal:3", epochs=2).fit(X, y)


def test_a_wrong_output_can_be_asked_for():
    X, y = load_breast_cancer(return_X_y=True)
    for output in ("identity", "relu", "tanh", "exp"):
        probability = DescentClassifier(output=output, epochs=3).fit(X, y).predict_proba(X)
        assert ((probability >= 0) & (probability <= 1)).all()


# weights


def _same(a, b) -> bool:
    learned = ((m._learned.parameters, m._learned.units) for m in (a, b))
    (p, u), (q, v) = learned
    arrays = zip(jax.tree.leaves((p, vars(u))), jax.tree.leaves((q, vars(v))), strict=True)
    return all(np.array_equal(x, y) for x, y in arrays)


def _histories_equal(a, b) -> bool:
    return a.history_.drop("seconds").equals(b.history_.drop("seconds"))


@pytest.mark.parametrize("batch", ["auto", "full", 7])
def test_whole_weights_give_the_bits_of_repeated_rows(batch):
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    for estimator, target in ((DescentRegressor, X[:, 3]), (DescentClassifier, y)):
        model = estimator(batch=batch, epochs=5)
        weighted = clone(model).fit(X[:, :3], target, sample_weight=weight)
        repeated = clone(model).fit(X[:, :3].repeat(weight, axis=0), target.repeat(weight))
        assert _same(weighted, repeated)
        assert _histories_equal(weighted, repeated)


def test_weights_of_any_size_give_the_bits_of_their_multiples_where_all_rows_are_seen():
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    model = DescentClassifier(batch="full", epochs=20)
    assert _same(clone(model).fit(X, y, weight * 0.25), clone(model).fit(X, y, weight * 64))


@pytest.mark.parametrize("batch", ["full", 7])
def test_class_weights_give_the_bits_of_repeated_rows(batch):
    X, y = load_wine(return_X_y=True)
    model = DescentClassifier(batch=batch, epochs=5)
    times = np.array([1, 3, 2])[y]
    weighted = clone(model).set_params(class_weight={0: 1, 1: 3, 2: 2}).fit(X, y)
    assert _same(weighted, model.fit(X.repeat(times, axis=0), y.repeat(times)))


def test_balanced_classes_count_alike():
    X, y = load_breast_cancer(return_X_y=True)
    counts = np.bincount(y)
    balanced = DescentClassifier(class_weight="balanced", batch="full", epochs=30).fit(X, y)
    each = DescentClassifier(batch="full", epochs=30).fit(X, y, len(y) / (2 * counts[y]))
    assert _same(balanced, each)


def test_the_order_of_the_rows_does_not_matter():
    X, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    assert _same(DescentRegressor(epochs=3).fit(X, y), DescentRegressor(epochs=3).fit(X[order], y[order]))


# going on

GOING_ON = [
    {},
    {"batch": "full"},
    {"batch": 1},
    {"batch": 7, "precision": 64},
    {"model": "mlp:8", "rule": "adam", "l1": 1e-3},
    {"average": "ema:0.9", "schedule": "inverse", "rule": "nesterov"},
    {"average": "tail:0.5"},
]
BOTH = [(DescentRegressor, asked) for asked in GOING_ON] + [(DescentClassifier, asked) for asked in GOING_ON[:2]]
ENDING = [(DescentRegressor, {"schedule": "cosine"}), (DescentClassifier, {"schedule": "onecycle"})]


@pytest.mark.parametrize(("cls", "asked"), BOTH + ENDING)
def test_one_epoch_at_a_time_gives_the_bits_of_one_long_fit(cls, asked):
    X, y = load_iris(return_X_y=True)
    X, y = (X[:, :3], X[:, 3]) if cls is DescentRegressor else (X, y)
    model = cls(epochs=4, stop=None, **asked)
    by_parts = clone(model)
    for _ in range(4):
        by_parts.partial_fit(X, y, **({"classes": [0, 1, 2]} if cls is DescentClassifier else {}))
    model.fit(X, y)
    assert _same(model, by_parts)
    assert _histories_equal(model, by_parts)
    assert model.n_iter_ == by_parts.n_iter_ == 4
    assert (np.diff(by_parts.history_["seconds"]) > 0).all()


@pytest.mark.parametrize(("cls", "asked"), BOTH)
def test_two_warm_fits_give_the_bits_of_one_long_fit(cls, asked):
    X, y = load_iris(return_X_y=True)
    X, y = (X[:, :3], X[:, 3]) if cls is DescentRegressor else (X, y)
    long = cls(epochs=4, stop=None, **asked).fit(X, y)
    warm = cls(epochs=2, stop=None, warm_start=True, **asked).fit(X, y).fit(X, y)
    assert _same(long, warm)
    assert _histories_equal(long, warm)
    assert long.verdict_.state == warm.verdict_.state


def test_partial_fits_of_other_numbers_of_rows_follow_each_other():
    X, y = load_diabetes(return_X_y=True)
    model = DescentRegressor(rate=0.01)
    for rows in (slice(0, 100), slice(100, 103), slice(103, 442)):
        model.partial_fit(X[rows], y[rows])
    history = model.history_
    assert history["step"].to_list() == list(range(1, len(history) + 1))
    assert history["rows"][-1] == len(y)
    assert model.n_iter_ == 3


def test_a_part_with_rows_of_one_class_will_do():
    X, y = load_iris(return_X_y=True)
    model = DescentClassifier(rate=1.0, standardize=False)
    for _ in range(5):
        model.partial_fit(X[:10], y[:10], classes=[0, 1])
    assert model.predict(X[:2]).tolist() == [0, 0]


def test_a_warm_start_refuses_another_model():
    X, y = load_diabetes(return_X_y=True)
    model = DescentRegressor(epochs=1, warm_start=True).fit(X, y)
    with pytest.raises(SettingsError, match="warm_start=False"):
        model.set_params(rule="adam").fit(X, y)


# records


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    X, y = load_diabetes(return_X_y=True)
    first, again, other = (DescentRegressor(epochs=3, seed=s).fit(X, y) for s in (1, 1, 2))
    assert _histories_equal(first, again)
    assert not _histories_equal(first, other)


def test_the_history_has_a_row_for_every_update():
    X, y = load_diabetes(return_X_y=True)
    model = DescentRegressor(batch=1, epochs=2, stop=None).fit(X, y)
    history = model.history_
    assert history["step"].to_list() == list(range(1, 2 * len(y) + 1))
    assert history["epoch"][-1] == 2.0
    assert {"objective", "rows", "rate", "gradient_norm", "update_norm/weights", "parameters"} <= set(history.columns)
    last = dict(zip(("bias", "weights"), np.split(history["parameters"][-1].to_numpy(), [1]), strict=True))
    np.testing.assert_array_equal(last["weights"], model._learned.parameters["weights"])


def test_a_second_fit_compiles_nothing():
    X, y = load_diabetes(return_X_y=True)
    DescentRegressor(seed=1, epochs=5).fit(X, y)
    compiled = legs.leg._cache_size()
    DescentRegressor(seed=2, epochs=5).fit(X * 3, y + 1)
    assert legs.leg._cache_size() == compiled
