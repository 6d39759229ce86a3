"""Another trainer's log is read by the names that its columns usually have; what it lacks is told."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from fallline.diagnosis import diagnose_history
from fallline.diagnosis.history import look_at_history
from fallline.errors import DataError

N = 40
FALLING = (2 * np.exp(-np.arange(N) / 6) + 0.3).tolist()
HELD = (2 * np.exp(-np.arange(N) / 6) + 0.4).tolist()

LOGS = {
    "Keras": {"epoch": range(N), "accuracy": [0.9] * N, "loss": FALLING, "val_accuracy": [0.8] * N, "val_loss": HELD},
    "Lightning": {"epoch": range(N), "step": range(N), "train_loss_epoch": FALLING, "val_loss": HELD,
                  "val_acc": [0.8] * N},
    "Hugging Face": {"epoch": range(N), "step": range(N), "loss": FALLING, "grad_norm": [1.0] * N,
                     "learning_rate": [1e-3] * N, "eval_loss": HELD, "eval_accuracy": [0.8] * N},
    "by hand": {"iteration": range(N), "training loss": FALLING, "Validation Loss": HELD, "lr": [0.1] * N,
                "valid score": [0.8] * N},
    "camels": {"Step": range(N), "trainLoss": FALLING, "valLoss": HELD, "valAcc": [0.8] * N},
}  # fmt: skip


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_losses_and_measures_are_found_by_their_usual_names(log):
    look = look_at_history(dict(log))
    assert look.loss.tolist() == FALLING
    assert look.held is not None
    assert look.held.loss.tolist() == HELD
    assert look.held.metric.tolist() == [0.8] * N
    assert look.held.larger_is_better
    assert look.unit == ("epoch" if {"epoch"} == {n.lower() for n in log} & {"epoch", "step", "iteration"} else "step")


def test_rates_and_gradient_norms_are_found():
    look = look_at_history(dict(LOGS["Hugging Face"]))
    assert set(look.columns) == {"rate", "gradient_norm"}


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".json", ".parquet", ".arrow"])
def test_every_format_gives_the_same_look(tmp_path, ending):
    frame = pl.DataFrame({"epoch": range(N), "loss": FALLING, "val_loss": HELD})
    path = tmp_path / f"log{ending}"
    write = {
        ".csv": frame.write_csv,
        ".tsv": lambda p: frame.write_csv(p, separator="\t"),
        ".jsonl": frame.write_ndjson,
        ".json": lambda p: p.write_text(json.dumps({"log_history": frame.to_dicts()})),
        ".parquet": frame.write_parquet,
        ".arrow": frame.write_ipc,
    }
    write[ending](path)
    look = look_at_history(path)
    assert look.loss.tolist() == FALLING
    assert look.held is not None
    assert look.held.loss.tolist() == HELD


def test_columns_as_lists_are_read_from_json_too(tmp_path):
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"loss": FALLING, "val_loss": HELD}))
    assert look_at_history(path).loss.tolist() == FALLING


def test_a_loss_that_is_nan_for_good_is_a_value_and_an_empty_cell_is_none(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,loss,val_loss\n1,1.0,\n2,,1.5\n3,2.0,\n4,nan,\n5,inf,\n")
    look = look_at_history(path)
    assert look.loss.tolist()[:2] == [1.0, 2.0]
    assert not np.isfinite(look.loss[-1])
    assert look.held is not None
    assert look.held.steps.tolist() == [2]
    assert [s.id for s in diagnose_history(path).symptoms] == ["diverged"]


def test_gaps_that_a_data_frame_fills_with_nan_are_no_divergence():
    losses = np.where(np.arange(2 * N) % 2 == 0, np.repeat(FALLING, 2), np.nan)
    held = np.where(np.arange(2 * N) % 2 == 1, np.repeat(HELD, 2), np.nan)
    look = look_at_history({"step": range(2 * N), "train_loss": losses, "val_loss": held})
    assert look.loss.tolist() == FALLING
    assert look.held is not None
    assert look.held.loss.tolist() == HELD


def test_a_line_that_was_cut_off_is_no_reason_to_give_up(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "epoch,loss,val_loss\n"
        + "".join(f"{i},{a},{b}\n" for i, (a, b) in enumerate(zip(FALLING, HELD, strict=True)))
        + "40,0.3"
    )
    assert len(look_at_history(path).loss) == N + 1


WRONG = {
    "no loss": ("a,b\n1,2\n", "has no column that is a loss, but a, b"),
    "no numbers": ("loss\nlow\n", "no column of numbers"),
    "no JSON": ("{", "can't be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_log_is_told_in_two_lines(tmp_path, name):
    text, words = WRONG[name]
    path = tmp_path / ("log.jsonl" if name == "no JSON" else "log.csv")
    path.write_text(text)
    with pytest.raises(DataError) as error:
        diagnose_history(path)
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 2


def test_a_file_that_is_not_there_is_told_in_two_lines(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        diagnose_history(tmp_path / "none.csv")


def test_a_bare_curve_says_what_was_not_checked_and_why():
    found = diagnose_history({"loss": FALLING})
    assert "dead-units" in found.not_checked
    assert "run of Fallline's" in found.not_checked["dead-units"]
    assert found.not_checked["overfitting"] == "no column is a loss of held-out rows"
    assert {"diverged", "stopped-early"} <= set(found.checked)
    assert found.healthy
