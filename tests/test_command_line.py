"""The command line from the outside: what it prints, what it leaves, and how it fails."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline import cli
from fallline.examples import example
from fallline.trace import folder as folders

ROWS = 400


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with a table in it: numbers, a category, missing cells, a number and classes to predict."""
    home = tmp_path_factory.mktemp("home")
    draw = np.random.default_rng(0)
    size, rooms, town = draw.normal(3000, 1000, ROWS), draw.normal(size=ROWS), draw.choice(list("abc"), ROWS)
    price = 50 * size + 9000 * rooms + 20_000 * (town == "a") + draw.normal(0, 9000, ROWS) + 1e5
    cells = [f"{v:.2f}" if i % 29 else "NA" for i, v in enumerate(size)]
    frame = {
        "size": cells,
        "rooms": rooms,
        "town": town,
        "price": price,
        "dear": np.where(price > 250_000, "yes", "no"),
    }
    pl.DataFrame(frame).write_csv(home / "houses.csv")
    return home


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Runs `fallline` in this process: (exit code, standard output, standard error)."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("FALLLINE_RUNS", raising=False)

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fallline", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return command


@pytest.fixture(scope="module")
def trained(home) -> fl.Run:
    return fl.train(home / "houses.csv", "price", types={"dear": "ignore"}, runs=home / "kept", name="first")


def fails(answer: tuple[int, str, str], *words: str) -> None:
    """Exit code 2, at most two lines that begin with Error, and no traceback."""
    code, _, err = answer
    assert code == 2
    lines = err.splitlines()
    assert lines[0].startswith("Error: ")
    assert len(lines) <= 2
    for word in words:
        assert word in err


def test_training_needs_no_option_and_tells_how_it_went(run):
    code, out, _ = run("train", "houses.csv", "--target", "price", "--runs", "plain")
    assert code == 0
    assert "Trained linear regression on 280 rows of houses.csv" in out
    assert "Verdict: " in out
    (kept,) = Path("plain").iterdir()
    left = {p.name for p in kept.iterdir()}
    assert left == {"run.json", "trace", "weights", "weights.safetensors", "evidence", "report.html"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target", "price", "--loss", "huber:1", "--rule", "adam", "--schedule", "cosine"], "linear regression"),
        (["--target", "price", "--model", "mlp:8", "--loss", "quantile:0.9", "--batch", "16"], "one hidden layer (8)"),
        (["--target", "price", "--model", "mlp:6,4", "--average", "tail", "--clip", "1"], "two hidden layers"),
        (["--target", "price", "--loss", "poisson", "--rule", "momentum:0.5"], "linear regression"),
        (["--target", "dear", "--type", "price=ignore", "--stop", "patience:3"], "logistic regression"),
        (["--target", "dear", "--loss", "hinge", "--class-weight", "balanced", "--l2", "0.01"], "regression"),
        (["--target", "town", "--model", "softmax", "--metric", "auc", "--batch", "full"], "softmax regression"),
        (["--target", "price", "--no-bias", "--rule", "prodigy", "--precision", "64"], "linear regression"),
    ],
)
def test_models_losses_rules_and_schedules_train_from_the_command_line(run, words, said):
    code, out, _ = run("train", "houses.csv", *words, "--epochs", "6", "--no-report", "--runs", "many")
    assert code == 0
    assert said.replace("two", "2") in out
    assert "Verdict: " in out


def test_every_answer_comes_as_json_as_well(run, trained):
    code, out, _ = run(
        "train", "houses.csv", "--target", "price", "--epochs", "2", "--json", "--runs", "j", "--no-report"
    )
    told = json.loads(out)
    assert code == 0
    assert Path(told["path"], "run.json").exists()
    assert {"settings", "verdict", "metrics", "summary"} <= set(told)
    for words in (["runs"], ["show", "last"], ["show", "last", "--step", "3"], ["report", "last"]):
        assert json.loads(run(*words, "--json", "--runs", "kept")[1])
    predicted = json.loads(run("predict", "last", "houses.csv", "--json", "--runs", "kept")[1])
    assert len(predicted) == ROWS


def test_runs_are_listed_newest_first_with_their_outcome(run, home):
    for name in ("older", "newer"):
        fl.train(home / "houses.csv", "price", runs=home / "listed", name=name, epochs=2)
        time.sleep(1.1)
    out = run("runs", "--runs", "listed")[1].splitlines()
    assert "newer" in out[0]
    assert "older" in out[1]
    assert "on test rows" in out[0]


def test_a_run_is_found_by_path_by_name_by_the_beginning_of_it_and_as_last(run, trained):
    for name in (str(trained.path), trained.name, trained.name[:12], "last"):
        code, out, _ = run("show", name, "--runs", "kept")
        assert code == 0
        assert trained.name in out


def test_the_variable_says_where_runs_live(run, trained, monkeypatch):
    monkeypatch.setenv("FALLLINE_RUNS", "kept")
    assert trained.name in run("runs")[1]


@pytest.mark.parametrize("rule", ["plain", "momentum:0.9", "adam"])
@pytest.mark.parametrize("batch", ["full", "7"])
def test_one_update_is_spelled_out_in_numbers_that_re_add(run, rule, batch):
    words = ["--target", "price", "--rule", rule, "--batch", batch, "--rate", "0.01", "--epochs", "3"]
    run("train", "houses.csv", *words, "--runs", "steps", "--no-report")
    told = json.loads(run("show", "last", "--step", "3", "--json", "--runs", "steps")[1])
    assert told["loss"] == pytest.approx(told["recorded_loss"], rel=1e-5)
    for weight in told["weights"]:
        assert weight["new"] == pytest.approx(weight["old"] - weight["update"], rel=1e-6, abs=1e-7)
        if rule == "plain":
            assert weight["update"] == pytest.approx(0.01 * weight["gradient"], rel=1e-5)
    kept = fl.open_run(folders.find_run("last", "steps"))
    place = {name: i for i, name in enumerate(kept.parameter_names)}
    after = np.concatenate([kept.weights(3)[n].ravel() for n in ("bias", "weights")])
    for weight in told["weights"]:
        assert weight["new"] == pytest.approx(after[place[weight["name"]]], rel=1e-5, abs=1e-6)
    text = run("show", "last", "--step", "3", "--runs", "steps")[1]
    assert "w_new = w_old - rate *" in text
    assert "in the table: " in text


def test_predictions_come_in_the_targets_own_units_and_overwrite_nothing(run, trained, home):
    out = run("predict", "last", "houses.csv", "--runs", "kept")[1]
    printed = pl.read_csv(out.encode())["prediction"].to_numpy()
    table = pl.read_csv(home / "houses.csv", null_values="NA")
    assert np.corrcoef(printed, table["price"])[0, 1] > 0.9
    np.testing.assert_allclose(printed, trained.predict(table)["prediction"], rtol=1e-6)
    for name in ("out.csv", "out.parquet"):
        assert run("predict", "last", "houses.csv", "--out", name, "--runs", "kept")[0] == 0
        fails(run("predict", "last", "houses.csv", "--out", name, "--runs", "kept"), name, "--force")
    np.testing.assert_allclose(pl.read_parquet("out.parquet")["prediction"], printed, rtol=1e-6)
    fails(run("predict", "last", "houses.csv", "--out", "out.txt", "--runs", "kept"), ".parquet")
    pl.DataFrame({"size": [1.0]}).write_csv("less.csv")
    fails(run("predict", "last", "less.csv", "--runs", "kept"), "rooms")


def test_a_report_elsewhere_overwrites_nothing(run, trained):
    assert run("report", "last", "--out", "page.html", "--runs", "kept")[0] == 0
    fails(run("report", "last", "--out", "page.html", "--runs", "kept"), "page.html", "--force")


BAD_TABLES = {
    "empty": (b"", "empty"),
    "header only": (b"a,price\n", "no rows"),
    "ragged": (b"a,price\n1,2\n3\n", "Line 3"),
    "not UTF-8": (b"a,price\n1,caf\xe9\n", "UTF-8"),
    "binary": (b"a,price\n\x7fELF\x00\x01\x02,3\n", "binary"),
    "doubled": (b"a,a,price\n1,2,3\n", "two columns named 'a'"),
    "infinite": (b"a,price\n1,2\ninf,3\n4,5\n", "Row 2"),
    "too few": (b"a,price\n1,2\n2,3\n", "needed"),
    "constant": (b"a,price\n" + b"1,5\n2,5\n3,5\n" * 9, "constant"),
    "all missing": (b"a,price\n" + b"1,NA\n2,\n3,NaN\n" * 9, "missing"),
    "no such column": (b"a,cost\n" + b"1,1\n2,4\n3,5\n" * 9, "Unknown column 'price'"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_table_that_will_not_do_is_told_in_two_lines_and_leaves_no_run(run, name, tmp_path):
    content, said = BAD_TABLES[name]
    (tmp_path / "bad.csv").write_bytes(content)
    fails(run("train", str(tmp_path / "bad.csv"), "--target", "price", "--runs", str(tmp_path / "runs")), said)
    assert not list(tmp_path.glob("runs/*"))


BAD_WORDS = {
    "missing file": (["no.csv", "--target", "price"], "no.csv"),
    "text for a regression": (["houses.csv", "--target", "town", "--model", "linear", "--loss", "squared"], "numbers"),
    "batch too large": (["houses.csv", "--target", "price", "--batch", "5000"], "only 280 training rows"),
    "rate below 0": (["houses.csv", "--target", "price", "--rate", "-1"], "above 0"),
    "rate 0": (["houses.csv", "--target", "price", "--rate", "0"], "above 0"),
    "model": (["houses.csv", "--target", "price", "--model", "liner"], "Did you mean linear"),
    "loss": (["houses.csv", "--target", "price", "--loss", "hing"], "Did you mean hinge"),
    "rule": (["houses.csv", "--target", "price", "--rule", "adm"], "Did you mean adam"),
    "schedule": (["houses.csv", "--target", "price", "--schedule", "cosin"], "Did you mean cosine"),
    "loss and target": (["houses.csv", "--target", "dear", "--loss", "squared", "--model", "linear"], "numbers"),
    "measure": (["houses.csv", "--target", "price", "--metric", "accuracy"], "rmse"),
    "no target": (["houses.csv"], "--target"),
    "no such option": (["houses.csv", "--target", "price", "--nope"], "--nope"),
    "kind": (["houses.csv", "--target", "price", "--type", "town"], "town"),
}


@pytest.mark.parametrize("name", BAD_WORDS)
def test_words_that_will_not_do_are_told_in_two_lines(run, name):
    words, said = BAD_WORDS[name]
    fails(run("train", *words, "--runs", "never"), said)
    assert not list(Path("never").glob("*"))


def test_one_class_only_is_told(run, tmp_path):
    (tmp_path / "one.csv").write_text("a,y\n" + "".join(f"{i},same\n" for i in range(40)))
    fails(run("train", str(tmp_path / "one.csv"), "--target", "y", "--runs", str(tmp_path)), "one class only")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("damaged", "{", "damaged"), ("newer", '{"format": 99}', "newer"), ("not a run", "[]", "damaged")],
)
def test_a_run_that_can_not_be_read_is_told(run, tmp_path, name, content, said):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "run.json").write_text(content)
    fails(run("show", str(tmp_path / "r")), said)
    assert run("runs", "--runs", str(tmp_path))[0] == 0


def test_damaged_weights_and_traces_are_told(run, home, trained, tmp_path):
    import shutil

    copy = shutil.copytree(trained.path, tmp_path / "copy")
    whole = (copy / "weights.safetensors").read_bytes()
    (copy / "weights.safetensors").write_bytes(b"nothing")
    fails(run("predict", str(copy), "houses.csv"), "weights.safetensors")
    (copy / "weights.safetensors").write_bytes(whole)
    next((copy / "trace").glob("*.parquet")).write_bytes(b"nothing")
    fails(run("show", str(copy), "--step", "2"), "parquet")


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "no space left"), (errno.EACCES, "no right to write")])
@pytest.mark.parametrize("what", ["run.json", ".parquet", "weights.safetensors"])
def test_a_full_disk_or_a_closed_folder_is_told(run, monkeypatch, number, said, what, tmp_path):
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if str(target).endswith(what):
            raise OSError(number, os.strerror(number))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    fails(run("train", "houses.csv", "--target", "price", "--runs", str(tmp_path / "full"), "--epochs", "3"), said)


def test_a_folder_that_can_not_be_made_is_told(run, tmp_path):
    (tmp_path / "file").write_text("")
    fails(run("train", "houses.csv", "--target", "price", "--runs", str(tmp_path / "file")), "can't be written")


LONG = ["--target", "median_house_value", "--model", "mlp:32", "--stop", "none", "--epochs", "100000", "--rate", "0.01"]


def begun(runs: Path) -> subprocess.Popen:
    """A long training in a process of its own, once it has written some of its trace."""
    command = [sys.executable, "-m", "fallline", "train", str(example()), *LONG, "--no-report", "--runs", str(runs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        time.sleep(0.1)
        if len(list(runs.glob("*/trace/*.parquet"))) >= 2:
            return process
        assert process.poll() is None, process.communicate()
    raise AssertionError("the training wrote no trace in a minute")


def test_after_ctrl_c_the_run_so_far_is_kept_and_marked_interrupted(tmp_path):
    process = begun(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    (path,) = tmp_path.iterdir()
    kept = fl.open_run(path)
    assert kept.verdict.state == "interrupted"
    assert kept.trace["step"].to_list() == list(range(1, len(kept.trace) + 1))
    assert kept.metrics["test"]["rmse"] > 0


def test_a_killed_run_keeps_its_finished_parts_and_reads_as_interrupted(tmp_path, run):
    process = begun(tmp_path)
    process.kill()
    process.communicate()
    (path,) = tmp_path.iterdir()
    kept = fl.open_run(path)
    assert len(kept.trace) > 0
    assert kept.verdict.state == "interrupted"
    assert "interrupted" in run("runs", "--runs", str(tmp_path))[1]
    assert kept.weights(step=0)["layer1/weights"].shape[1] == 32


def test_help_needs_no_jax():
    code = "import sys; from fallline.cli.app import app; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
