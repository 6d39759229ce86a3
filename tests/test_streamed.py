"""Tables read piece by piece train as those in memory do."""

import decimal
import json
import os
import subprocess
import sys

import jax
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

import fallline as fl
from fallline import streamed
from fallline.data.stream.convert import source_of
from fallline.errors import DataError, SettingsError, StorageError
from fallline.fit import fit
from fallline.owner import this_process
from fallline.retrace import retrace
from fallline.settings import check, parts_of
from fallline.shortcut import SAFE
from fallline.streamed import stream_table


def table(rows=4_000):
    stream = np.random.default_rng(0)
    features = stream.normal(size=(rows, 3)) * [1, 5, 0.1] + [0, 100, 3]
    score = features[:, 0] + features[:, 1] / 5 - 20
    return pl.DataFrame({
        "a": features[:, 0],
        "b": np.where(stream.random(rows) < 0.1, np.nan, features[:, 1]),
        "c": features[:, 2].astype(np.float32),
        "day": pl.Series(stream.integers(0, 400, rows)).cast(pl.Int32).cast(pl.Date),
        "kind": pl.Series(stream.choice(["u", "v", "w", "NA"], rows, p=[0.5, 0.3, 0.1, 0.1])),
        "heavy": stream.choice([0.5, 1.0, 2.0], rows),
        "y": np.where(score + stream.normal(size=rows) > 0, "yes", "no"),
        "z": score + stream.normal(size=rows),
    })  # fmt: skip


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A folder of three Parquet files."""
    folder = tmp_path_factory.mktemp("big")
    for i, at in enumerate((0, 1_500, 2_500)):
        table()[at : (1_500, 2_500, 4_000)[i]].write_parquet(folder / f"{i}.parquet", row_group_size=400)
    return folder


def streamed_run(big, tmp_path, target="y", **options):
    options = {"types": {"z" if target == "y" else "y": "ignore"}, "rate": 0.2, "memory": "60KB"} | options
    return fl.train(str(big / "*.parquet"), target, runs=tmp_path, **options)


@pytest.mark.parametrize("weighted", [None, "heavy"])
def test_statistics_of_one_pass_are_those_that_a_table_in_memory_has(big, weighted):
    from fallline.data import Target, fit_preparation, fit_target

    found = stream_table(big, "z", check(), 10**9, types={"y": "ignore"}, weight_column=weighted)
    part = found.table.split.train
    frame, weight = found.table.frame[part], found.table.weight[part]
    weights = weight if weighted else None
    kept = fit_preparation(frame, found.table.columns, weights=weights)
    told = fit_target(frame["z"], task="regression", weights=weights)
    assert isinstance(found.table.target, Target)
    assert found.table.target.mean == pytest.approx(told.mean, rel=1e-12)
    assert found.table.target.scale == pytest.approx(told.scale, rel=1e-12)
    for ours, theirs in zip(found.table.preparation.to_json()["steps"], kept.to_json()["steps"], strict=True):
        assert ours == {k: pytest.approx(v, rel=1e-12) if isinstance(v, float) else v for k, v in theirs.items()}
    assert [c.missing for c in found.table.columns if c.name == "b"] == [table()["b"].is_nan().sum()]


@pytest.mark.parametrize(("model", "target"), [("linear", "z"), ("logistic", "y"), ("softmax", "kind"), ("mlp:4", "z")])
def test_a_table_of_one_buffer_gives_the_weights_that_the_same_rows_in_memory_give(big, model, target):
    settings = check(model=model, batch=48, epochs=3, rate=0.05, stop="")
    found = stream_table(big, target, settings, 10**9, types={"y": "ignore"} if target != "y" else {"z": "ignore"})
    classes = len(found.table.target.classes or ())
    features = len(found.table.preparation.feature_names)
    parts = parts_of(settings, features=features, task=found.table.target.task, classes=classes)
    rows = found.table.rows(found.table.split.train, parts.model.outputs, np.float32)
    here = fit(parts, settings, rows).parameters
    there = fit(parts, settings, rows, spooled=found.rows(parts.model.outputs)).parameters
    for ours, theirs in zip(jax.tree.leaves(here), jax.tree.leaves(there), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_run_is_told_as_one_in_memory_and_says_how_it_was_read(big, tmp_path):
    run = streamed_run(big, tmp_path, batch=32, epochs=4, class_weight="balanced")
    told = run.data["streamed"]
    assert told["sample"] == 2_000
    assert 1 < told["shuffle"]["blocks_in_buffer"] < told["shuffle"]["blocks"]
    assert run.metrics["test"]["accuracy"] > 0.72
    assert len(run.trace) == 4 * -(-run.data["rows"]["train"] // 32)
    assert any("from the disk piece by piece" in line for line in run.summary)
    in_memory = fl.train(str(big), "y", runs=tmp_path, batch=32, epochs=4, rate=0.2, types={"z": "ignore"})
    assert "streamed" not in in_memory.data
    assert abs(in_memory.metrics["test"]["accuracy"] - run.metrics["test"]["accuracy"]) < 0.06


def test_a_streamed_run_is_walked_again_to_the_same_bits(big, tmp_path):
    run = streamed_run(big, tmp_path, batch=32, epochs=2, model="mlp:3")
    training = retrace(run.path)
    state = training.state(training.kept_step)
    for ours, theirs in zip(jax.tree.leaves(state.parameters), jax.tree.leaves(training.kept), strict=True):
        assert np.array_equal(ours, theirs)
    assert len(training.batch_of(3).share) == len(training.rows_of(3)) == 32


def test_squared_loss_has_its_exact_answer_from_one_pass_and_a_full_batch(big, tmp_path):
    run = streamed_run(big, tmp_path, "z", batch="full", epochs=2_000, rate="auto")
    assert run.exact["loss_distance"] < 1e-4
    assert "one pass over the table" in run.exact["method"]


def test_a_full_batch_of_another_model_is_refused(big, tmp_path):
    with pytest.raises(SettingsError, match="batch full needs all"):
        streamed_run(big, tmp_path, batch="full")


def test_text_and_lines_are_streamed_like_parquet(big, tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "lines").mkdir()
    known = table().drop("day").with_columns(pl.col("b").fill_nan(None))
    for i in range(2):
        known[i * 2_000 : (i + 1) * 2_000].write_csv(tmp_path / "text" / f"{i}.csv")
        known[i * 2_000 : (i + 1) * 2_000].write_ndjson(tmp_path / "lines" / f"{i}.jsonl")
    whole = tmp_path / "whole.parquet"
    known.write_parquet(whole)
    found = [stream_table(each, "y", check(), 10**9) for each in (tmp_path / "text", tmp_path / "lines", whole)]
    want = found[2].spool.read("train", 0, found[2].spool.counts[0])
    for other in found[:2]:
        assert np.allclose(other.spool.read("train", 0, other.spool.counts[0]), want, rtol=1e-4, atol=1e-4)


def test_files_that_are_no_table_together_are_refused_in_two_lines(big, tmp_path):
    table().drop("a").write_parquet(tmp_path / "1.parquet")
    table().write_parquet(tmp_path / "0.parquet")
    (tmp_path / "empty").mkdir()
    table()[:0].write_parquet(tmp_path / "none.parquet")
    (tmp_path / "cut.parquet").write_bytes((big / "0.parquet").read_bytes()[:900])
    for source, said in (
        (tmp_path / "[01].parquet", "other columns"),
        (tmp_path / "empty", "without a file that holds a table"),
        (tmp_path / "none.parquet", "has no rows"),
        (tmp_path / "cut.parquet", "damaged or cut short"),
    ):
        with pytest.raises(DataError, match=said) as error:
            stream_table(source, "y", check(), 10**9)
        assert str(error.value).count("\n") == 1
    with pytest.raises(DataError, match="other columns"):
        fl.train(str(tmp_path / "[01].parquet"), "y", runs=tmp_path)


def test_an_error_names_the_row_in_the_whole_table_and_leaves_nothing_behind(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    cells = ["1"] * 70_000
    cells[69_998] = "what"
    odd = pl.DataFrame({"x": cells, "w": np.arange(70_000) % 7, "y": np.arange(70_000) % 5})
    odd.write_parquet(tmp_path / "odd.parquet")
    monkeypatch.setattr(streamed, "SAMPLE", 2_000)
    with pytest.raises(DataError, match=r"Row 69999 of column 'x' is 'what'"):
        stream_table(tmp_path / "odd.parquet", "y", check(), 10**6)
    assert not list(scratch.iterdir())


def test_a_disk_without_room_is_told_before_rows_are_written(big, monkeypatch):
    monkeypatch.setattr("fallline.data.stream.spool.SPARE", 10**18)
    with pytest.raises(StorageError, match=r"of disk, and .* are to stay free, but"):
        stream_table(big, "y", check(), 10**9)


def test_prepared_rows_are_gone_when_training_is(big, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    found = stream_table(big, "y", check(), 10**9)
    assert list(scratch.iterdir())
    del found
    assert not list(scratch.iterdir())


def test_prepared_rows_that_a_killed_training_left_are_removed_by_the_next(big, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name, pid in (("killed", 2**22 + 1), ("living", os.getpid())):
        (tmp_path / f"fallline-rows-{name}").mkdir()
        (tmp_path / f"fallline-rows-{name}" / "owner").write_text(json.dumps(this_process() | {"pid": pid}))
        (tmp_path / f"fallline-rows-{name}" / "train").write_bytes(b"rows")
    (tmp_path / "fallline-rows-nobody").mkdir()
    found = stream_table(big, "y", check(), 10**9)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("fallline-rows-living", "fallline-rows-nobody", found.spool.folder.name)
    }


def test_memory_does_not_grow_with_the_rows(tmp_path):
    code = """
import re, sys
import numpy as np, polars as pl
from fallline.legs import HERE
from fallline.settings import check
from fallline.streamed import stream_table
found = stream_table(sys.argv[1], "y", check(), 10**7)
spool = found.rows(1)
from fallline.batches import Batches
feed = spool.feed(Batches(spool.rows, 256, 0), 20, HERE)
for at in range(0, spool.rows // 256, 20):
    feed(at, at + 20)
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
"""
    peaks = []
    for rows in (100_000, 800_000):
        stream = np.random.default_rng(0)
        path = tmp_path / f"{rows}.parquet"
        pl.DataFrame({f"x{i}": stream.normal(size=rows) for i in range(20)} | {"y": np.arange(rows) % 2}).write_parquet(
            path, row_group_size=50_000
        )
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) * 1024)  # not ru_maxrss: a child has its parent's
    assert peaks[1] - peaks[0] < 60e6  # the table itself is 134 MB larger


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="the peak of memory is read from Linux")
def test_a_wide_table_is_trained_on_within_the_memory_allowed(tmp_path):
    code = """
import re, sys
import fallline as fl
run = fl.train(sys.argv[1], "y", runs=sys.argv[2], memory="1.1GB", batch=256, rate=0.01, until=60)
assert "streamed" in run.data
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
"""
    stream, path = np.random.default_rng(0), tmp_path / "wide.parquet"
    wide = {f"x{i}": stream.integers(0, 99, 60_000).astype(np.float32) for i in range(500)}
    pl.DataFrame(wide | {"y": stream.integers(0, 2, 60_000)}).write_parquet(path)
    command = [sys.executable, "-c", code, path, tmp_path / "runs"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 1.1e9


def test_a_table_too_wide_for_its_reader_is_read_in_slices_of_columns(tmp_path, monkeypatch):
    columns = {f"x{i}": np.arange(3_000) * (i + 1) % 97 / 4 for i in range(40)}
    lists = {"l": [[1]] * 3_000, "c": pl.Series(["u", "v", None] * 1_000, dtype=pl.Categorical)}
    wide = pl.DataFrame({"y": np.arange(3_000) % 2} | columns | lists)
    wide.write_parquet(tmp_path / "wide.parquet", row_group_size=1_700)
    files = [tmp_path / "wide.parquet"]
    plain = list(source_of(files, tmp_path, header=None, bound=1).chunks())
    monkeypatch.setattr("fallline.data.stream.convert.LEAST_ROOM", 10**5)
    monkeypatch.setattr("fallline.data.stream.chunks.CELLS", 43 * 700)
    source = source_of(files, tmp_path, header=None, bound=1)
    assert len(source.parts[0].slices) > 2
    numbers, chunks = zip(*source.chunks(), strict=True)
    assert list(numbers) == list(np.cumsum([0, *map(len, chunks)])[:-1])
    assert max(map(len, chunks)) <= 700
    assert pl.concat(chunks).equals(pl.concat(frame for _, frame in plain))


def test_what_memory_can_not_hold_is_refused_or_told(tmp_path, monkeypatch, big):
    table().write_ipc(tmp_path / "t.arrow")
    with pytest.raises(DataError, match=r"(?s)'t.arrow' would take .* more than the 10 KB allowed.*Save it as Parquet"):
        fl.train(tmp_path / "t.arrow", "y", runs=tmp_path, memory="10KB")
    said = " ".join(streamed_run(big, tmp_path, batch=32, epochs=1).summary)
    assert "The 0.06 MB of memory allowed can't be held" in said
    assert "The shuffle is a poor one" in said
    monkeypatch.setattr(streamed, "SAMPLED", 10**6)
    with pytest.raises(DataError, match=r"(?s)has 8 columns: to read it piece by piece takes about 32 GB.*\nLeave"):
        stream_table(big, "y", check(), 10**6)


def test_a_table_larger_than_memory_is_predicted_as_one_that_fits(tmp_path, monkeypatch):
    known = table(30_000).drop("day").with_columns(pl.col("b").fill_nan(None))
    known.write_csv(tmp_path / "t.csv")
    run = fl.train(tmp_path / "t.csv", "y", runs=tmp_path, batch=256, epochs=1, rate=0.1, types={"z": "ignore"})
    want = run.predict(tmp_path / "t.csv")
    monkeypatch.setenv("FALLLINE_MEMORY", "14MB")
    assert streamed.bound_of(tmp_path / "t.csv", "auto") == 14 * 10**6
    got = run.predict(tmp_path / "t.csv")
    assert got["prediction"].equals(want["prediction"])
    assert np.allclose(got["probability of yes"], want["probability of yes"], atol=1e-6)


def test_a_full_disk_is_told_with_what_is_full_and_what_to_do(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    table().write_csv(tmp_path / "t.csv")
    monkeypatch.setattr("fallline.data.stream.convert.parquet.ParquetWriter.write_table", full)
    with pytest.raises(StorageError, match=r"written to '.*' as Parquet.*: No space left .*\nSet TMPDIR"):
        stream_table(tmp_path / "t.csv", "y", check(), 10**6)


@pytest.mark.parametrize("kind", [pa.decimal256(60, 2), pa.timestamp("us", "Mars/Olympus")])
def test_a_kind_that_can_not_be_read_is_refused_with_its_column(kind, tmp_path, capfd):
    cells = pa.array([decimal.Decimal(1)] * 60, kind) if "decimal" in str(kind) else pa.array(range(60), kind)
    parquet.write_table(pa.table({"a": cells, "y": pa.array(range(60))}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"Column 'a' of 't.parquet' holds .* which can't be read"):
        stream_table(tmp_path / "t.parquet", "y", check(), 10**6)
    assert capfd.readouterr().err == ""


def test_as_many_classes_as_rows_are_refused(tmp_path):
    pl.DataFrame({"x": range(60), "y": [f"name {i}" for i in range(60)]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="60 classes in 60 rows"):
        stream_table(tmp_path / "t.parquet", "y", check(), 10**6)


def test_a_flipped_bit_in_a_page_with_a_checksum_is_found(tmp_path):
    parquet.write_table(table().to_arrow(), tmp_path / "t.parquet", write_page_checksum=True, compression="none")
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "t.parquet").write_bytes(data)
    with pytest.raises(DataError, match="damaged or cut short"):
        stream_table(tmp_path / "t.parquet", "y", check(), 10**6)


def test_what_can_not_be_trained_on_is_refused_in_two_lines(big, tmp_path):
    for asked, kind, said in (
        ({"target": "nothing"}, DataError, "Unknown column 'nothing'"),
        ({"target": "kind", "class_weight": {"q": 2}}, SettingsError, "Unknown class 'q'"),
        ({"target": "z", "class_weight": "balanced"}, SettingsError, "needs classes"),
        ({"target": "z", "validation": 0.5, "test": 0.4999}, DataError, "Fewer than two rows|fewer than 2 rows"),
        ({"target": "a", "split_column": "kind"}, DataError, "Expected train, validation or test"),
    ):
        with pytest.raises(kind, match=said) as error:
            stream_table(big, settings=check(), bound=10**6, **asked)
        assert str(error.value).count("\n") <= 1
    flat = table().with_columns(z=pl.lit(2.5))
    flat.write_parquet(tmp_path / "flat.parquet")
    with pytest.raises(DataError, match="is constant"):
        stream_table(tmp_path / "flat.parquet", "z", check(), 10**6)
    flat.select("z", y=pl.int_range(4_000)).write_parquet(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="No column is left"):
        stream_table(tmp_path / "none.parquet", "y", check(), 10**6)
    table().with_columns(heavy=0.0).write_parquet(tmp_path / "light.parquet")
    with pytest.raises(DataError, match="Fewer than two rows"):
        stream_table(tmp_path / "light.parquet", "y", check(), 10**6, weight_column="heavy")
    table().write_ipc(tmp_path / "table.arrow")
    with pytest.raises(DataError, match="can't be read piece by piece"):
        stream_table(tmp_path / "table.arrow", "y", check(), 10**6)


def test_a_split_column_and_a_poisson_loss_are_heeded(tmp_path):
    parts = np.array(["train", "valid", "test", "train"])[np.arange(4_000) % 4]
    counts = np.random.default_rng(0).poisson(3, 4_000)
    table().with_columns(part=pl.Series(parts), n=pl.Series(counts)).write_parquet(tmp_path / "t.parquet")
    found = stream_table(tmp_path / "t.parquet", "n", check(loss="poisson"), 10**6, split_column="part")
    assert found.spool.counts == (2_000, 1_000, 1_000)
    assert found.table.target.scale == 1
    assert "as column 'part' says" in found.table.split.how
    with pytest.raises(SettingsError, match="poisson needs counts"):
        stream_table(tmp_path / "t.parquet", "z", check(loss="poisson"), 10**6)


def test_only_a_table_that_would_not_fit_is_streamed(big, tmp_path):
    table().write_csv(tmp_path / "t.csv")
    assert streamed.bound_of(str(big), "auto") is None
    assert streamed.bound_of(str(big), "60KB") == 60_000
    assert streamed.bound_of(tmp_path / "t.csv", "100KB") == 100_000
    assert streamed.bound_of(table(), "1KB") is None
    with pytest.raises(SettingsError, match="memory is 'lots'"):
        streamed.bound_of(str(big), "lots")


def test_an_exact_answer_is_not_given_where_few_rows_would_not_have_the_loss(big, monkeypatch):
    settings = check(batch=64, epochs=1, rate=0.1)
    found = stream_table(big, "z", settings, 10**9, types={"y": "ignore"})
    parts = parts_of(settings, features=len(found.table.preparation.feature_names), task="regression", classes=0)
    rows = found.table.rows(found.table.split.train, 1, np.float32)
    assert fit(parts, settings, rows, spooled=found.rows(1)).ready.exact is not None
    monkeypatch.setitem(SAFE, 32, 0.0)
    assert fit(parts, settings, rows, spooled=found.rows(1)).ready.exact is None
