"""A table in, a run out: the same from any kind of table, nothing learned from rows held out, all of it kept."""

from __future__ import annotations

import json
import subprocess
import sys

import jax
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.errors import RunError, SettingsError
from fallline.retrace import retrace
from fallline.settings import at_weights
from fallline.step import objective
from fallline.trace.trace import SNAPSHOTS, Snapshots

FEW = {"epochs": 6, "seed": 3, "batch": 16}


def table(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """Two numbers, one with mean 3,000 and standard deviation 1,000, a category and a target."""
    draw = np.random.default_rng(seed)
    size, rooms, town = draw.normal(3000, 1000, rows), draw.normal(size=rows), draw.choice(list("abc"), rows)
    price = 50 * size + 9000 * rooms + 20_000 * (town == "a") + draw.normal(0, 9000, rows)
    return pl.DataFrame({"size": size, "rooms": rooms, "town": town, "price": price})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> fl.Run:
    return fl.train(table(), "price", runs=tmp_path_factory.mktemp("runs"), **FEW)


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "feather", "jsonl", "pandas", "arrow", "dict"])
def test_every_kind_of_table_gives_the_same_training(kind, run, tmp_path):
    frame, path = table(), tmp_path / f"t.{kind}"
    if kind == "csv":
        frame.write_csv(path, float_precision=17)
    elif kind == "csv.gz":
        import gzip

        path.write_bytes(gzip.compress(frame.write_csv(float_precision=17).encode()))
    elif kind == "parquet":
        frame.write_parquet(path)
    elif kind == "feather":
        frame.write_ipc(path)
    elif kind == "jsonl":
        frame.write_ndjson(path)
    source = {"pandas": frame.to_pandas, "arrow": frame.to_arrow, "dict": frame.to_dict}.get(kind, lambda: path)()
    other = fl.train(source, "price", runs=tmp_path / "runs", **FEW)
    np.testing.assert_allclose(other.trace["loss"], run.trace["loss"], rtol=1e-6)
    assert other.verdict.state == run.verdict.state


def test_arrays_are_trained_on_as_they_are(tmp_path):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(300, 2))
    run = fl.train((X, X @ [1.0, 2.0] + 5), "target", runs=tmp_path, **FEW)
    assert run.data["features"] == ["x1", "x2"]
    assert run.predict(X)["prediction"].to_numpy() == pytest.approx(X @ [1.0, 2.0] + 5, abs=0.3)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(run, tmp_path):
    again = fl.train(table(), "price", runs=tmp_path, **FEW)
    other = fl.train(table(), "price", runs=tmp_path, **(FEW | {"seed": 4}))
    assert again.trace.drop("seconds").equals(run.trace.drop("seconds"))
    assert (again.path / "weights.safetensors").read_bytes() == (run.path / "weights.safetensors").read_bytes()
    assert not np.array_equal(other.weights()["weights"], run.weights()["weights"])


def test_nothing_is_learned_from_rows_held_out(tmp_path):
    frame = table().with_columns(part=pl.Series(["train"] * 200 + ["validation"] * 50 + ["test"] * 50))
    spoiled = frame.with_columns(size=pl.when(pl.col("part") == "train").then("size").otherwise(1e6))
    one, other = (fl.train(f, "price", split="part", runs=tmp_path, **FEW) for f in (frame, spoiled))
    kept = [json.loads((r.path / "run.json").read_text())["preparation"] for r in (one, other)]
    assert kept[0] == kept[1]
    assert np.array_equal(one.weights()["weights"], other.weights()["weights"])
    assert one.data["rows"] == {"read": 300, "dropped": 0, "train": 200, "validation": 50, "test": 50}


def test_a_row_weight_counts_like_repeated_rows(tmp_path):
    frame = table(120).with_columns(part=pl.Series(["train"] * 100 + ["test"] * 20))
    draw = np.random.default_rng(1)
    times = np.where(np.arange(120) < 100, draw.integers(1, 4, 120), 1)
    repeated = frame[np.repeat(np.arange(120), times)]
    wanted = {"split": "part", "batch": "full", "precision": 64, "steps": 50, "rate": 0.1, "runs": tmp_path}
    one = fl.train(frame.with_columns(times=times), "price", weights="times", **wanted)
    other = fl.train(repeated, "price", **wanted)
    np.testing.assert_allclose(one.trace["loss"], other.trace["loss"], rtol=1e-9)
    np.testing.assert_allclose(one.weights()["weights"], other.weights()["weights"], rtol=1e-8)
    assert one.exact["loss"] == pytest.approx(other.exact["loss"], rel=1e-10)


def test_the_column_that_says_the_part_or_the_weight_is_no_feature(tmp_path):
    frame = table(120).with_columns(part=pl.Series(["train"] * 100 + ["test"] * 20), w=pl.lit(2.0))
    run = fl.train(frame, "price", split="part", weights="w", runs=tmp_path, **FEW)
    assert not any("part" in f or f == "w" for f in run.data["features"])


def test_a_loss_that_counts_refuses_what_is_no_count(tmp_path):
    with pytest.raises(SettingsError, match="counts"):
        fl.train(table().with_columns(price=-pl.col("price").abs()), "price", loss="poisson", runs=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_best_weights_on_validation_rows_are_kept_when_patience_is_asked_for(tmp_path):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(60, 20))
    run = fl.train((X, draw.normal(size=60)), "target", runs=tmp_path, model="mlp:32", stop="patience:5", rate=0.05)
    best = run.evaluations.sort("validation_loss").row(0, named=True)
    assert run.verdict.figures["kept"] == best["step"]
    assert run.metrics["validation"]["loss"] == pytest.approx(best["validation_loss"], rel=1e-5)
    assert run.verdict.state in ("converged", "worse than trivial")


def test_an_unscaled_column_and_a_rate_too_large_end_in_diverged_with_good_weights(tmp_path):
    run = fl.train(table(), "price", standardize=False, rate=1.0, runs=tmp_path)
    assert run.verdict.state == "diverged"
    assert "2 / lambda_max" in run.verdict.why
    assert np.isfinite(run.weights()["weights"]).all()
    assert run.report().exists()


def test_a_good_start_of_columns_far_from_zero_comes_within_a_thousandth_of_the_exact_r2(tmp_path):
    frame = table(2000).drop("town")
    run = fl.train(frame, "price", runs=tmp_path, test=0, validation=0)
    X = np.column_stack([frame["size"], frame["rooms"], np.ones(2000)])
    y = frame["price"].to_numpy()
    left = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    assert run.metrics["train"]["r2"] == pytest.approx(1 - left.var() / y.var(), rel=1e-3)


def test_too_few_epochs_are_told_as_still_improving(tmp_path):
    run = fl.train(table(), "price", rate=0.05, steps=20, batch="full", runs=tmp_path)
    assert run.verdict.state == "improving"


def test_seconds_stop_a_training(tmp_path):
    run = fl.train(table(3000), "price", seconds=0.5, stop=None, epochs=10**6, model="mlp:16", runs=tmp_path)
    assert run.verdict.figures["ended"] == "seconds"
    assert 0.5 <= run.trace["seconds"].max() < 30


def test_a_full_batch_of_many_rows_walks_on_a_few_that_have_the_same_loss_and_says_so(tmp_path):
    run = fl.train(table(3000), "price", batch="full", steps=30, runs=tmp_path)
    assert run.settings["condensed"]
    assert any("same squared loss as the whole table" in line for line in run.summary)
    assert run.trace["rows"][-1] == 30 * run.data["rows"]["train"]


def test_the_record_holds_the_objective_as_well_as_the_loss(tmp_path):
    run = fl.train(table(), "price", l2=0.1, l1=0.01, steps=20, rate=0.01, runs=tmp_path)
    after = run.trace["parameters"].to_numpy()[:-1, 1:]  # the bias lies first
    penalty = 0.01 * np.abs(after).sum(axis=1) + 0.05 * (after**2).sum(axis=1)
    np.testing.assert_allclose((run.trace["objective"] - run.trace["loss"])[1:], penalty, rtol=1e-3)
    assert run.exact is None


def test_a_run_is_read_without_jax(run):
    code = (
        "import sys, fallline as fl; r = fl.open_run(sys.argv[1]); r.trace, r.verdict, r.weights(), r.weights(1);"
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(run.path)]).returncode == 0


def test_what_json_has_no_word_for_comes_back_from_a_file_that_any_reader_takes(tmp_path):
    run = fl.train(table(), "price", standardize=False, rate=1.0, runs=tmp_path)
    text = (run.path / "run.json").read_text()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert not np.isfinite(run.verdict.figures["worst"]) or run.verdict.figures["worst"] > 1e3


def test_weights_are_there_at_every_step_while_few_and_at_snapshots_when_many(run, tmp_path):
    flat = run.trace["parameters"].to_numpy()
    for step in (1, len(flat)):
        kept = run.weights(step)
        assert np.array_equal(np.concatenate([kept["bias"].ravel(), kept["weights"].ravel()]), flat[step - 1])
    many = fl.train(table(), "price", model="mlp:32", runs=tmp_path, **FEW)
    assert "parameters" not in many.trace.columns
    ends = many.trace.filter(pl.col("epoch") == pl.col("epoch").round())["step"].to_list()
    assert all(many.weights(step)["layer1/weights"].shape == (5, 32) for step in ends)
    with pytest.raises(RunError, match="not kept"):
        many.weights(1)


def test_snapshots_are_thinned_by_halves():
    kept = Snapshots()
    gone = [step for n in range(1, 1001) for step in (kept.offer(n, n) or [])]
    assert len(kept.at) <= SNAPSHOTS
    assert len(set(np.diff(list(kept.at)))) == 1
    assert not set(gone) & set(kept.at)


def test_a_table_that_changed_is_not_walked_again(tmp_path):
    path = tmp_path / "t.csv"
    table().write_csv(path)
    run = fl.train(path, "price", runs=tmp_path / "runs", **FEW)
    assert len(retrace(run.path).table.codes) == 300
    table(seed=9).write_csv(path)
    with pytest.raises(RunError, match="has changed"):
        retrace(run.path)
    path.unlink()
    with pytest.raises(RunError, match="no longer at hand"):
        retrace(run.path)


def test_classes_come_back_as_their_own_labels_with_probabilities_that_add_to_one(tmp_path):
    run = fl.train(table(), "town", runs=tmp_path, **FEW)
    predicted = run.predict(table().drop("town"))
    assert set(predicted["prediction"]) <= {"a", "b", "c"}
    each = predicted.drop("prediction")
    assert each.columns == ["probability of a", "probability of b", "probability of c"]
    np.testing.assert_allclose(each.sum_horizontal(), 1.0, rtol=1e-9)


def test_a_category_never_seen_in_training_is_predicted_all_the_same(run):
    new = pl.DataFrame({"size": [3000.0], "rooms": [0.0], "town": ["elsewhere"]})
    assert np.isfinite(run.predict(new)["prediction"][0])


PUBLIC = {
    "DataError", "DescentClassifier", "DescentRegressor", "FalllineError", "Run", "RunError", "SettingsError",
    "StorageError", "Verdict", "WorkerError", "descend", "measure", "open_run", "resume", "train",
}  # fmt: skip


def test_the_public_names_are_these():
    assert set(fl.__all__) == PUBLIC


def test_no_module_takes_a_public_names_place():
    code = (
        "import fallline.project, fallline.resuming, fallline.descent, fallline.legs, fallline.estimators;"
        "import fallline as fl;"
        "assert all(callable(getattr(fl, n)) for n in fl.__all__)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_plateau_does_not_stop_a_schedule_before_its_end(tmp_path):
    run = fl.train(table(), "price", schedule="cosine", epochs=40, batch=16, runs=tmp_path)
    assert run.verdict.figures["ended"] == "epochs"
    assert run.trace["rate"][-1] < 1e-3 * run.trace["rate"][0]


WALKS = {
    "a row a step": {"batch": 1, "rate": 0.01, "rule": "adam"},
    "all rows": {"batch": "full", "rate": 0.3},
    "batches, cosine": {"batch": 32, "rate": 0.1, "schedule": "cosine", "rule": "momentum:0.9"},
    "a network, averaged": {"model": "mlp:8,8", "batch": 32, "rate": 0.1, "average": "tail"},
}


@pytest.mark.parametrize("name", WALKS)
def test_a_training_that_stops_early_has_the_same_steps_as_one_that_does_not(tmp_path, name):
    asked = {"stop": None, "epochs": 5} | WALKS[name]
    whole = fl.train(table(), "price", runs=tmp_path, **asked)
    part = fl.train(table(), "price", runs=tmp_path, until=len(whole.trace) // 2, **asked)
    assert part.trace.drop("seconds").equals(whole.trace.head(len(part.trace)).drop("seconds"))
    assert part.given["until"] == len(part.trace) == len(whole.trace) // 2
    again = retrace(part.path, table())
    assert again.steps == len(part.trace)


def test_a_training_makes_one_update_at_least(tmp_path):
    with pytest.raises(SettingsError, match="until is 0"):
        fl.train(table(), "price", runs=tmp_path, until=0)


@pytest.mark.parametrize("schedule", ["constant", "exponential"])
def test_a_rate_that_changes_later_is_walked_as_by_hand(tmp_path, schedule):
    asked = {"batch": "full", "precision": 64, "stop": None, "steps": 12, "schedule": schedule}
    plain = fl.train(table(), "price", runs=tmp_path, rate=0.2, **asked)
    later = fl.train(table(), "price", runs=tmp_path, rate=0.2, rate_changes="5:0.05,9:0.4", **asked)
    assert later.trace.head(5).drop("seconds").equals(plain.trace.head(5).drop("seconds"))
    multiples = plain.trace["rate"].to_numpy() / 0.2
    bases = np.repeat([0.2, 0.05, 0.4], [5, 4, 3])
    np.testing.assert_allclose(later.trace["rate"].to_numpy(), bases * multiples, rtol=1e-12)
    training = retrace(later.path, table())
    with precision(64):
        flat = training.flat(training.start).astype(float)
        for step in range(1, 13):
            seen = training.batch_of(step)
            gradient = jax.grad(lambda p, seen=seen: objective(training.parts, p, seen))(training.unravel(flat))
            flat = flat - training.rate_of(step) * training.flat(gradient)
            np.testing.assert_allclose(later.flat_weights(step), flat, rtol=1e-12, atol=1e-14)


def test_a_start_that_is_given_is_where_the_first_step_begins(tmp_path, run):
    flat = run.flat_weights(3)
    again = fl.train(table(), "price", runs=tmp_path, rate=0.1, steps=2, init=at_weights(flat), seed=0)
    np.testing.assert_array_equal(again.flat_weights(0), flat)
    assert "random" not in " ".join(again.summary[1:2])


def test_a_start_of_more_or_fewer_weights_than_there_are_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="gives 2 start weights, but the model has") as error:
        fl.train(table(), "price", runs=tmp_path, rate=0.1, init="at:1,2")
    assert len(str(error.value).splitlines()) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("model", ["linear", "mlp:4"])
def test_such_a_run_is_explained_and_diagnosed_like_any_other(tmp_path, model):
    frame = table(120)
    first = fl.train(frame, "price", runs=tmp_path, rate=0.05, steps=1, model=model)
    init = at_weights(first.flat_weights(0))
    asked = {"rate": 0.05, "rate_changes": "10:0.2", "steps": 30, "batch": 20, "model": model, "init": init}
    found = fl.open_run(fl.train(frame, "price", runs=tmp_path, **asked).path, frame)
    explanations = found.explain()
    assert not [each.missing for each in explanations if "init" in each.missing or "rate_changes" in each.missing]
    assert found.diagnose(tried=True).checked
    assert found.story()
    compared = found.measure("compare", vary="seed=0,1", steps=20)
    mine = compared.frame.filter(pl.col("seed") == 0)
    assert mine["loss"][-1] == pytest.approx(_loss_after(found, 20), rel=1e-5)


def _loss_after(run: fl.Run, step: int) -> float:
    training = run.training
    whole = training.ready.whole
    return float(training.parts.loss(training.parts.model.predict(training.at(step), whole.features), whole))


def test_what_the_model_does_not_see_is_told_but_not_what_somebody_said_to_ignore(tmp_path):
    count = np.arange(60)
    table = {"a": count % 7, "same": [3] * 60, "name": [f"n{i}" for i in count], "own": count % 5, "y": count % 11}
    run = fl.train(pl.DataFrame(table), "y", runs=tmp_path, types={"own": "ignore"}, rate=0.1, epochs=1)
    (line,) = [line for line in run.summary if line.startswith("Left out:")]
    assert line.startswith("Left out: same (constant: every value is '3'); name (text with 60 distinct values")
    assert "own" not in line
    assert {line.partition(":")[0] for line in run.data["steps"] if "left out" in line} == {"same", "name", "own"}
