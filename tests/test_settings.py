"""Settings: what each name means, and the two lines that a bad one gets."""

from __future__ import annotations

import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.descent import descend
from fallline.errors import FalllineError, SettingsError
from fallline.fields import Settings
from fallline.losses import (
    Absolute,
    Hinge,
    Huber,
    LogLoss,
    Penalty,
    Poisson,
    PoissonOfCount,
    Probability,
    Quantile,
    SoftmaxLoss,
    Squared,
)
from fallline.models import Linear, Network
from fallline.rules import RULES, Rule
from fallline.schedules import DEFAULTS, Schedule
from fallline.settings import (
    at_weights,
    average_of,
    batch_size,
    check,
    parts_of,
    rate_changes_of,
    rule_of,
    schedule_of,
    start_at,
    stops_of,
    task_of,
)

# What is given, and what the message must say: the near matches, the range, or an example.
BAD = {
    "unknown setting": ({"ratee": 0.1}, "Did you mean rate"),
    "unknown model": ({"model": "liner"}, "Did you mean linear"),
    "unknown loss": ({"loss": "squred"}, "Did you mean squared"),
    "unknown rule": ({"rule": "adm"}, "Did you mean adam or adamw"),
    "unknown schedule": ({"schedule": "cosin"}, "Did you mean cosine"),
    "unknown activation": ({"activation": "rellu"}, "Did you mean relu"),
    "unknown output": ({"output": "sigmod"}, "Did you mean sigmoid"),
    "unknown init": ({"init": "glorott"}, "Did you mean glorot"),
    "unknown stop": ({"stop": "platau"}, "Did you mean plateau"),
    "unknown average": ({"average": "tial"}, "Known: tail, ema"),
    "negative rate": ({"rate": -0.1}, "rate is -0.1"),
    "zero rate": ({"rate": 0.0}, "above 0"),
    "rate that is no number": ({"rate": float("nan")}, "rate"),
    "infinite rate": ({"rate": float("inf")}, "rate"),
    "rate in words": ({"rate": "fast"}, "rate"),
    "zero batch": ({"batch": 0}, "at least 1 row"),
    "negative batch": ({"batch": -5}, "at least 1 row"),
    "batch in words": ({"batch": "some"}, "batch"),
    "no epochs": ({"epochs": 0}, "epochs is 0"),
    "no steps": ({"steps": 0}, "steps is 0"),
    "no seconds": ({"seconds": 0.0}, "seconds is 0"),
    "negative penalty": ({"l2": -1.0}, "l2 is -1"),
    "negative l1": ({"l1": -1.0}, "l1 is -1"),
    "clip of nought": ({"clip": 0.0}, "clip is 0"),
    "precision of 16": ({"precision": 16}, "precision is 16"),
    "negative seed": ({"seed": -1}, "seed is -1"),
    "seed too large": ({"seed": 2**63}, "seed"),
    "layer of nought": ({"model": "mlp:0"}, "mlp:64,64"),
    "layer in words": ({"model": "mlp:big"}, "mlp:64,64"),
    "sizes of a linear model": ({"model": "linear:3"}, "only mlp takes sizes"),
    "init without its number": ({"init": "normal"}, "normal:SD"),
    "init with a number too many": ({"init": "he:2"}, "he"),
    "momentum of 1": ({"rule": "momentum:1"}, "below 1"),
    "negative momentum": ({"rule": "momentum:-0.5"}, "from 0"),
    "two numbers for momentum": ({"rule": "momentum:0.5,0.5"}, "takes 1 at most"),
    "a number for plain": ({"rule": "plain:0.5"}, "takes 0 at most"),
    "rule's number in words": ({"rule": "momentum:much"}, "after the colon come numbers"),
    "negative factor": ({"schedule": "step:-0.5,10"}, "above 0"),
    "step every 0 epochs": ({"schedule": "step:0.5,0"}, "above 0"),
    "average of nothing": ({"average": "tail:0"}, "above 0"),
    "average of more than all": ({"average": "tail:1.5"}, "at most 1"),
    "stop without a name": ({"stop": "plateau,5"}, "starts with its name"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_setting_gets_at_most_two_lines_that_say_what_will_do(name):
    given, said = BAD[name]
    with pytest.raises(SettingsError) as error:
        check(**given)
    message = str(error.value)
    assert said in message
    assert len(message.splitlines()) <= 2
    assert isinstance(error.value, FalllineError)
    assert isinstance(error.value, ValueError)


# Settings that only data can show to be wrong: rows or the kind of target.
BAD_FOR_DATA = {
    "batch larger than the rows": (lambda: batch_size(check(batch=33), 32), "only 32 training rows"),
    "quantile of 0": (lambda: parts("regression", loss="quantile:0"), "between 0 and 1"),
    "quantile of 1": (lambda: parts("regression", loss="quantile:1"), "between 0 and 1"),
    "quantile above 1": (lambda: parts("regression", loss="quantile:90"), "between 0 and 1"),
    "log loss of a number": (lambda: parts("regression", loss="log"), "squared"),
    "huber of classes": (lambda: parts("classes", 2, loss="huber"), "log"),
    "logistic of three classes": (lambda: parts("classes", 3, model="logistic"), "softmax"),
}


def parts(task: str, classes: int = 0, **given):
    return parts_of(check(**given), features=3, task=task, classes=classes)


@pytest.mark.parametrize("name", BAD_FOR_DATA)
def test_a_setting_that_does_not_fit_the_data_gets_at_most_two_lines_as_well(name):
    call, said = BAD_FOR_DATA[name]
    with pytest.raises(SettingsError, match=said) as error:
        call()
    assert len(str(error.value).splitlines()) <= 2


@pytest.mark.parametrize("delta", ["huber:0", "huber:-1"])
def test_a_delta_of_huber_that_is_not_above_nought_is_refused(delta):
    with pytest.raises(SettingsError, match="huber"):
        parts("regression", loss=delta)


@pytest.mark.parametrize("loss", ["squared:3", "log:1", "absolute:2", "huber:1,2"])
def test_a_number_that_a_loss_does_not_take_is_refused(loss):
    with pytest.raises(SettingsError, match=loss.partition(":")[0]):
        check(loss=loss)


def test_descend_gives_the_same_errors():
    with pytest.raises(SettingsError, match="Did you mean adam"):
        descend(lambda w: w**2, jnp.zeros(()), rule="adm")
    with pytest.raises(SettingsError, match="only 5 training rows"):
        descend(lambda w, x: jnp.mean((w - x) ** 2), jnp.zeros(()), jnp.zeros(5), batch=6)


MEANT = {
    ("regression", 0, "auto", "auto", "auto"): (Linear(3), Squared()),
    ("regression", 0, "linear", "huber:2", "auto"): (Linear(3), Huber(2.0)),
    ("regression", 0, "linear", "quantile:0.9", "auto"): (Linear(3), Quantile(0.9)),
    ("regression", 0, "linear", "absolute", "auto"): (Linear(3), Absolute()),
    ("regression", 0, "linear", "poisson", "auto"): (Linear(3), Poisson()),
    ("regression", 0, "linear", "poisson", "relu"): (Linear(3, output="relu"), PoissonOfCount()),
    ("regression", 0, "mlp:5,4", "auto", "auto"): (Network(3, (5, 4)), Squared()),
    ("regression", 0, "mlp", "auto", "auto"): (Network(3, (64, 64)), Squared()),
    ("classes", 2, "logistic", "auto", "auto"): (Linear(3), LogLoss()),
    ("classes", 2, "logistic", "log", "sigmoid"): (Linear(3), LogLoss()),
    ("classes", 2, "logistic", "log", "tanh"): (Linear(3, output="tanh"), Probability()),
    ("classes", 2, "logistic", "hinge", "auto"): (Linear(3), Hinge()),
    ("classes", 2, "logistic", "squared", "auto"): (Linear(3, output="sigmoid"), Squared()),
    ("classes", 2, "softmax", "auto", "auto"): (Linear(3, 2), SoftmaxLoss()),
    ("classes", 3, "auto", "auto", "auto"): (Linear(3, 3), SoftmaxLoss()),
    ("classes", 3, "mlp:4", "auto", "auto"): (Network(3, (4,), 3), SoftmaxLoss()),
    ("classes", 3, "mlp:4", "squared", "auto"): (Network(3, (4,), 3, output="softmax"), Squared()),
}


@pytest.mark.parametrize("asked", MEANT, ids=lambda asked: " ".join(map(str, asked)))
def test_names_become_the_model_and_the_loss_that_they_mean(asked):
    task, classes, model, loss, output = asked
    made = parts(task, classes, model=model, loss=loss, output=output)
    assert (made.model, made.loss) == MEANT[asked]


def test_the_other_parts_are_made_of_their_settings():
    made = parts(
        "regression", l1=0.1, l2=0.2, rule="momentum:0.5", clip=3.0, average="tail", init="normal:0.1", bias=False
    )
    assert made.penalty == Penalty(0.1, 0.2)
    assert made.rule == Rule("momentum", (0.5,), 3.0)
    assert made.averaged
    assert made.model == Linear(3, bias=False, start=("normal", 0.1))


@pytest.mark.parametrize("name", RULES)
def test_every_rule_can_be_named(name):
    assert rule_of(check(rule=name)) == Rule(name)


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_schedule_can_be_named(name):
    assert schedule_of(check(schedule=name)) == Schedule(name)


@pytest.mark.parametrize(
    ("stop", "meant"),
    [
        ("plateau", {"plateau": 1e-4}),
        ("patience:3", {"patience": 3.0}),
        ("plateau,patience:5", {"plateau": 1e-4, "patience": 5.0}),
        ("plateau:0.01, patience", {"plateau": 0.01, "patience": 10.0}),
        ("none", {}),
        (None, {}),
    ],
)
def test_stops_are_named_one_after_the_other(stop, meant):
    assert stops_of(check(stop=stop)) == meant


@pytest.mark.parametrize(
    ("average", "meant"), [(None, None), ("none", None), ("tail", ("tail", 0.5)), ("ema:0.9", ("ema", 0.9))]
)
def test_an_average_is_named_with_its_number(average, meant):
    assert average_of(check(average=average)) == meant


def test_an_automatic_batch_is_all_of_few_rows_and_even_parts_of_many():
    assert batch_size(check(batch="full"), 10**6) == 10**6
    assert batch_size(check(batch="auto"), 50) == 50
    assert 16 <= batch_size(check(batch="auto"), 10_001) <= 32
    assert batch_size(check(batch=7), 7) == 7


@pytest.mark.parametrize(
    ("given", "found", "task"),
    [
        ({}, "classes", "classes"),
        ({}, "regression", "regression"),
        ({"model": "logistic"}, "regression", "classes"),
        ({"loss": "hinge"}, "regression", "classes"),
        ({"model": "linear"}, "classes", "regression"),
        ({"loss": "huber:2"}, "classes", "regression"),
        ({"loss": "poisson"}, "classes", "regression"),
    ],
)
def test_model_and_loss_say_what_the_target_is_before_the_target_does(given, found, task):
    assert task_of(check(**given), found) == task


def test_settings_can_not_be_changed_and_every_one_has_a_help_text():
    settings = check()
    with pytest.raises(Exception, match="frozen"):
        settings.rate = 1.0
    assert all(field.description for field in Settings.model_fields.values())


LATER = {
    "no rate": "200",
    "no step": "a:0.1",
    "a rate of nought": "200:0",
    "an infinite rate": "200:inf",
    "steps that go down": "200:0.1,100:0.05",
    "a step twice": "200:0.1,200:0.05",
    "a step before the first": "-1:0.1",
}


@pytest.mark.parametrize("name", LATER)
def test_later_rates_that_will_not_do_are_told_in_two_lines(name):
    with pytest.raises(SettingsError, match="rate_changes") as error:
        check(rate_changes=LATER[name])
    assert len(str(error.value).splitlines()) == 2


def test_later_rates_are_steps_and_rates():
    assert rate_changes_of(check()) == rate_changes_of(check(rate_changes="none")) == ()
    assert rate_changes_of(check(rate_changes="0:0.5, 20:1e-3")) == ((0, 0.5), (20, 0.001))


@pytest.mark.parametrize("init", ["at", "at:", "at:x", "at:1,", "at:nan", "at:1,inf"])
def test_start_weights_that_are_no_numbers_are_told_in_two_lines(init):
    with pytest.raises(SettingsError, match="start weights") as error:
        check(init=init)
    assert len(str(error.value).splitlines()) == 2


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_start_weights_come_back_to_the_last_bit(weights):
    assert start_at(check(init=at_weights(weights))) == tuple(weights)
