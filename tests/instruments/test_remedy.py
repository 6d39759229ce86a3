"""Remedies are tried beside an unchanged control, judged alike whatever they change, and help only beyond luck."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.diagnosis.diagnosis import Symptom
from fallline.diagnosis.remedies import REMEDIES, candidates, try_remedies
from fallline.engine import precision
from fallline.instruments.grade import Grade
from fallline.instruments.remedy import has_helped, prepared


def lines(rows: int = 200, size: float = 1.0) -> pl.DataFrame:
    """Two numbers, the second of that size, and a target that they decide, with noise."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    return pl.DataFrame({"x": x, "z": size * z, "y": 2 * x - z + draw.normal(0, 0.3, rows)})


def trained(frame: pl.DataFrame, folder, **settings):
    """The training of a run on that table."""
    run = fl.train(frame, "y", runs=folder, **({"stop": None} | settings))
    return fl.open_run(run.path, frame).training


def by_name(tried) -> dict:
    return {each.remedy: each for each in tried}


def test_a_smaller_rate_helps_a_run_that_diverged(tmp_path):
    training = trained(lines(), tmp_path, batch=16, rate=3.0, epochs=10)
    tried = try_remedies(training, ["diverged"])
    best = tried[0]
    assert best.helped
    assert best.remedy in ("rate=0.3", "rate=auto")
    assert all(np.isfinite(best.held_out_loss))
    assert best.seeds == [0, 1, 2]
    assert np.inf in best.control_loss
    assert "helped" in best.text
    assert "diverged" in best.text


def test_scaling_helps_a_table_whose_columns_were_taken_as_they_are(tmp_path):
    training = trained(lines(size=1000.0), tmp_path, batch=16, standardize=False, epochs=10)
    tried = by_name(try_remedies(training, ["badly-scaled"]))
    assert tried["standardize=on"].helped
    scaled, control = tried["standardize=on"].held_out_loss, tried["standardize=on"].control_loss
    assert max(scaled) < 0.2 * min(control)
    # the control is the run itself, judged as the run judged it
    run = training.held_out["validation_loss"][-1]
    assert control[0] == pytest.approx(run, rel=1e-3)


def test_a_rate_that_was_asked_for_is_kept_and_its_failure_told(tmp_path):
    training = trained(lines(size=1000.0), tmp_path, batch=16, standardize=False, epochs=40, rate=1e-7)
    tried = by_name(try_remedies(training, ["badly-scaled"]))
    assert tried["standardize=on, rate=auto"].helped
    assert not tried["standardize=on"].helped
    assert "did not help" in tried["standardize=on"].text


def test_a_penalty_helps_a_network_that_learned_noise_by_heart(tmp_path):
    draw = np.random.default_rng(3)
    frame = pl.DataFrame({f"c{n}": draw.normal(size=80) for n in range(20)})
    frame = frame.with_columns((pl.col("c0") + pl.Series(draw.normal(0, 1, 80))).alias("y"))
    training = trained(frame, tmp_path, model="mlp:32", rule="adam", rate=0.01, batch=16, epochs=60)
    tried = try_remedies(training, ["overfitting"])
    lowest = training.held_out.sort("validation_loss")["step"][0]
    assert {f"steps={lowest}", "l2=0.01", "model=mlp:8"} == {each.remedy for each in tried}
    assert tried[0].helped
    ranks = [(not each.helped, np.mean(each.held_out_loss)) for each in tried]
    assert ranks == sorted(ranks)


def test_leaving_out_the_column_that_leaks_is_reported_without_being_called_a_help(tmp_path):
    frame = lines().with_columns((10 * pl.col("y")).alias("answer"))
    training = trained(frame, tmp_path, batch=16, rate=0.1, epochs=10)
    symptom = Symptom("leaking-feature", "", {"columns": ["answer"]}, "", "")
    (tried,) = try_remedies(training, [symptom], seeds=(0, 1))
    assert tried.remedy == "leave out answer"
    assert not tried.helped
    assert np.mean(tried.held_out_loss) > np.mean(tried.control_loss)
    assert "the one to believe" in tried.text


def test_balanced_classes_are_judged_with_each_class_counting_alike(tmp_path):
    draw = np.random.default_rng(4)
    rare = draw.random(400) < 0.06
    frame = pl.DataFrame({"x": draw.normal(size=400) + 1.5 * rare, "y": np.where(rare, "rare", "usual")})
    training = trained(frame, tmp_path, model="logistic", batch=32, rate=0.1, epochs=20)
    (tried,) = try_remedies(training, ["class-imbalance"])
    assert tried.remedy == "class_weight=balanced"
    assert tried.helped
    assert "each class counting alike" in tried.text


def test_another_loss_is_judged_by_the_run_s_own(tmp_path):
    training = trained(lines(), tmp_path, batch=16, rate=0.05, epochs=10, loss="absolute", output="relu")
    tried = by_name(try_remedies(training, ["wrong-output"]))
    assert tried["output=auto"].helped
    assert tried["loss=auto, output=auto"].helped
    with precision(32):
        grade = Grade.of(training)
        mine = grade(training, training.kept)
    assert mine == pytest.approx(training.held_out["validation_loss"][-1], rel=1e-4)


def test_a_loss_of_one_s_own_is_judged_by_its_training_rows():
    rows = np.random.default_rng(1).normal(size=(40, 1))
    done = fl.descend(lambda w, x: jnp.mean((w - x) ** 2), jnp.ones(1), rows, rate=1.5, steps=30, stop=None)
    tried = try_remedies(done.training, ["diverged", "badly-scaled"], seeds=(0,))
    assert {"rate=0.15", "rate=auto"} <= {each.remedy for each in tried}
    assert "the training loss" in tried[0].text
    assert not any("standardize" in each.remedy for each in tried)
    assert tried[0].held_out_loss[0] == pytest.approx(np.var(rows), rel=1e-2)


def test_what_changes_nothing_is_not_tried(tmp_path):
    training = trained(lines(), tmp_path, batch="full", steps=20)
    assert try_remedies(training, ["target-scale", "unlearnable", "symmetric-start"], seeds=(0,)) == []


def test_to_train_longer_is_tried_only_where_the_run_itself_can_be(tmp_path):
    training = trained(lines(), tmp_path, batch=16, rate=0.001, steps=50)
    (longer,) = try_remedies(training, ["stopped-early"], most=1)
    assert longer.remedy == "steps=200"
    assert longer.helped


def test_the_table_made_ready_anew_without_a_change_is_the_same(tmp_path):
    training = trained(lines(), tmp_path, batch=16, rate=0.1, steps=20)
    again = prepared(training.table, training.ready.settings)
    np.testing.assert_array_equal(again.features, training.table.features)
    np.testing.assert_array_equal(again.codes, training.table.codes)


def test_candidates_take_turns_and_know_every_symptom():
    found = candidates(["diverged", "noise-floor"], 4)
    assert found == [{"rate": "auto"}, {"schedule": "cosine"}, {"rate": "/10"}, {"batch": "*8"}]
    assert candidates(["constant-feature", "unlearnable", "no such symptom"]) == []
    twins = Symptom("duplicate-feature", "", {"pairs": [["a", "b"], ["c", "d"]]}, "", "")
    assert candidates([twins]) == [{"leave_out": ["b", "d"]}]
    assert len(REMEDIES) == 23


HELPED = {
    "lower for all seeds": ([1.0, 1.1, 0.9], [1.5, 1.7, 1.3], True),
    "within what seeds differ": ([1.0, 1.2, 0.9], [1.1, 1.0, 1.0], False),
    "lower by a trifle": ([1.0, 1.1, 0.9], [1.001, 1.1011, 0.9009], False),
    "higher": ([1.5, 1.7, 1.3], [1.0, 1.1, 0.9], False),
    "a control that diverged": ([5.0, 5.0], [np.inf, np.inf], True),
    "a control that diverged with one seed": ([5.0, 1.0], [np.inf, 0.9], False),
    "a trial that diverged": ([np.inf, 1.0], [np.inf, 2.0], False),
}


@pytest.mark.parametrize("case", HELPED)
def test_a_remedy_has_helped_only_beyond_what_seeds_differ(case):
    losses, control, helped = HELPED[case]
    assert has_helped(np.array(losses), np.array(control)) is helped
