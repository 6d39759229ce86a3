"""The error of finite differences is a U whose lowest h is that of the textbook, and the chain rule agrees with it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.errors import RunError
from fallline.instruments import measure
from fallline.instruments.gradient_check import MOST, best_of

EPS = np.finfo(float).eps

# a loss, where it stands, and |f / f''| and |f / f'''| there by hand
KNOWN = {
    "exp": (lambda w: jnp.exp(w), 1.0, 1.0, 1.0),
    "exp far out": (lambda w: jnp.exp(10 * w), 0.3, 1 / 100, 1 / 1000),
    "sine": (lambda w: 2 + jnp.sin(w), 0.5, (2 + np.sin(0.5)) / np.sin(0.5), (2 + np.sin(0.5)) / np.cos(0.5)),
    "fourth power": (lambda w: w**4, 2.0, 16 / 48, 16 / 48),
    "inverse": (lambda w: 1 / w, 2.0, 0.5 / (2 / 8), 0.5 / (6 / 16)),
}


def check(loss, start, **options):
    done = fl.descend(loss, start, rate=1e-3, steps=1, stop=None)
    return measure(done.training, "gradient-check", **options)


@pytest.mark.parametrize(("loss", "at", "by_second", "by_third"), KNOWN.values(), ids=KNOWN)
def test_the_lowest_point_of_the_u_is_within_ten_times_the_textbooks_h(loss, at, by_second, by_third):
    figures = check(loss, jnp.array(at)).figures
    forward, central = 2 * np.sqrt(EPS * by_second), np.cbrt(3 * EPS * by_third)
    assert figures["forward_theory"] == pytest.approx(forward, rel=1e-6)
    assert figures["central_theory"] == pytest.approx(central, rel=1e-6)
    assert 0.1 <= figures["forward_h"] / forward <= 10
    assert 0.1 <= figures["central_h"] / central <= 10
    assert figures["central_error"] < figures["forward_error"] < 1e-6


def test_the_error_falls_with_h_as_theory_says_until_rounding_takes_over():
    frame = check(lambda w: jnp.exp(w), jnp.array(1.0)).frame.filter(bits=64)
    for kind, order in (("forward", 1), ("central", 2)):
        error = frame.filter(kind=kind).sort("h", descending=True)["error"].to_numpy()
        steep = np.log10(error[0] / error[8]) / 2  # 8 sizes are two decades
        assert steep == pytest.approx(order, abs=0.05)
        assert error[-1] > 1e4 * error.min()


def test_in_32_bits_the_best_h_is_larger_and_the_error_too():
    figures = check(lambda w: jnp.exp(w), jnp.array(1.0)).figures
    for kind in ("forward", "central"):
        assert figures[f"single_{kind}_h"] > 10 * figures[f"{kind}_h"]
        assert figures[f"single_{kind}_error"] > 100 * figures[f"{kind}_error"]
    assert figures["chain32_error"] < 1e-6


def test_on_a_parabola_central_differences_cut_nothing_off():
    figures = check(lambda w: jnp.sum((w - 1) ** 2), jnp.array([3.0, -2.0])).figures
    assert figures["central_theory"] is None
    assert figures["central_error"] < 1e-14
    assert figures["central_h"] >= 1e-2


def test_the_chain_rule_of_every_kind_of_model_agrees(tmp_path):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(120, 3))
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": X[:, 0] * X[:, 1] + X[:, 2]})
    for model in ("linear", "mlp:20,10"):
        run = fl.train(frame, "y", model=model, activation="tanh", runs=tmp_path, rate=0.01, steps=5, stop=None)
        figures = measure(fl.open_run(run.path, frame).training, "gradient-check").figures
        assert figures["central_error"] < 1e-8
        assert figures["checked"] == min(MOST, figures["parameters"])
        assert figures["kinks"] == 0
        assert figures["losses"] == 2 * figures["parameters"]


def test_a_wrong_gradient_is_found_out_and_its_parameter_named():
    @jax.custom_jvp
    def squared(w):
        return w**2

    squared.defjvp(lambda x, t: (squared(x[0]), 2.2 * x[0] * t[0]))  # it should be 2
    figures = check(lambda w: jnp.sum(w[:1]) + squared(w[1]), jnp.array([1.0, 3.0])).figures
    assert figures["worst"] == "parameters[2]"
    assert figures["worst_chain"] == pytest.approx(6.6)
    assert figures["worst_difference"] == pytest.approx(6.0)
    assert figures["central_error"] > 0.05
    assert figures["kinks"] == 0


def test_a_kink_is_told_from_a_wrong_gradient():
    """At 0 the derivative of relu is taken as 0; to the right it is 1, to the left 0."""
    figures = check(lambda w: jax.nn.relu(w[0]) + w[1] ** 2, jnp.array([0.0, 1.0])).figures
    assert figures["worst"] == "parameters[1]"
    assert (figures["kinks"], figures["worst_kink"]) == (1, True)


def test_the_best_h_is_not_one_that_is_low_by_luck():
    errors = 10.0 ** -np.array([1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 9, 1, 0])
    assert best_of(errors) == 5
    assert best_of(np.append(errors, np.nan)) == 5


def test_another_seed_takes_other_parameters():
    start = jnp.linspace(1.0, 2.0, 80)
    one, same, other = (check(lambda w: jnp.sum(w**3), start, seed=s).figures["gradient_norm"] for s in (0, 0, 1))
    assert one == same != other


def test_where_the_gradient_is_zero_no_relative_error_is_made_up():
    with pytest.raises(RunError, match="zero") as caught:
        check(lambda w: jnp.sum(w**2), jnp.zeros(2))
    assert len(str(caught.value).splitlines()) == 2
