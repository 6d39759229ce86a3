"""From shortlisting to fine-tuning: the winner is the one that the data ask for, and the test rows take no part."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import typer

from fallline import open_run
from fallline.cli.shortlist import shortlist as command
from fallline.errors import DataError, SettingsError
from fallline.shortlist import Candidate, search, shortlist, tuning
from fallline.shortlist.tuning import all_variants, halve
from fallline.shortlist.winner import behind, choose


def few(patch: pytest.MonkeyPatch) -> None:
    """One small network, few steps, few variants."""
    patch.setattr(search, "NETWORKS", ("mlp:4",))
    patch.setattr(search, "STEPS", 100)
    patch.setattr(search, "TUNED", 1)
    patch.setattr(tuning, "PENALTIES", ())
    patch.setattr(tuning, "WIDTHS", (2.0,))


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    few(monkeypatch)


def table(bend: float, rows: int = 300) -> pl.DataFrame:
    draw = np.random.default_rng(4)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    part = np.array(["train", "validation", "test"])[np.arange(rows) % 10 % 3]
    return pl.DataFrame({"x": x, "z": z, "part": part, "y": 2 * x + bend * x**2 + draw.normal(0, 0.5, rows)})


@pytest.fixture(scope="module")
def bent(tmp_path_factory):
    """A shortlist on a bend."""
    looks = []
    with pytest.MonkeyPatch.context() as patch:
        few(patch)
        found = shortlist(
            table(3.0), "y", split="part", seeds=2, seconds=None, runs=tmp_path_factory.mktemp("r"), watch=looks.append
        )
    return found, looks


def test_a_bend_is_won_by_a_network_and_a_line_by_the_linear_model(bent, tmp_path):
    assert bent[0].winner.model.startswith("mlp:")
    straight = shortlist(table(0.0), "y", split="part", seeds=2, runs=tmp_path)
    assert straight.winner.model == "linear"


def test_candidates_are_told_with_all_that_a_program_needs(bent):
    found, _ = bent
    told = json.loads(json.dumps(found.to_json()))
    assert set(told) == {"candidates", "winner", "why", "test", "run", "stopped"}
    names = {"model", "rate", "seeds", "validation", "mean", "spread", "round"}
    assert all(names <= set(each) for each in told["candidates"])
    assert [each["model"] for each in told["candidates"][:2]] == ["trivial", "exact"]
    tried = told["candidates"][2:]
    assert all(each["seeds"] == [0, 1] and len(each["validation"]) == 2 for each in tried)
    assert {each["round"] for each in tried} >= {0, 1, 2}
    assert told["stopped"] is None


def test_the_references_are_the_constant_and_the_least_squares_of_numpy(bent):
    found, _ = bent
    frame = table(3.0)
    parts = {part: frame.filter(part=part) for part in ("train", "validation")}
    x = {part: np.column_stack([rows["x"], rows["z"], np.ones(rows.height)]) for part, rows in parts.items()}
    y, scale = {part: rows["y"].to_numpy() for part, rows in parts.items()}, parts["train"]["y"].std(ddof=0)
    weights = np.linalg.lstsq(x["train"], y["train"], rcond=None)[0]
    trivial, exact = found.references
    assert trivial.mean == pytest.approx(np.mean((y["validation"] - y["train"].mean()) ** 2) / 2 / scale**2, rel=1e-4)
    assert exact.mean == pytest.approx(
        np.mean((y["validation"] - x["validation"] @ weights) ** 2) / 2 / scale**2, rel=1e-4
    )


def test_the_run_is_the_winner_trained_as_it_was_compared(bent):
    found, _ = bent
    run = open_run(found.run.path)
    assert run.settings["model"] == found.winner.model
    assert len(run.trace) == found.winner.steps
    assert run.metrics["validation"]["loss"] == pytest.approx(found.winner.validation[0], rel=1e-3)
    assert found.test == run.metrics["test"]
    assert "test rows were opened once" in " ".join(found.why)


def test_the_test_rows_take_no_part_in_the_choice(bent, tmp_path):
    found, _ = bent
    other = table(3.0).with_columns(y=pl.when(part="test").then(-50.0).otherwise(pl.col("y")))
    again = shortlist(other, "y", split="part", seeds=2, seconds=None, runs=tmp_path)
    assert [c.to_json() for c in again.candidates] == [c.to_json() for c in found.candidates]
    assert again.winner.to_json() == found.winner.to_json()
    assert again.test["loss"] > 10 * found.test["loss"]


def test_each_round_halves_the_candidates_and_doubles_their_steps(bent):
    _, looks = bent
    totals = {look.round: look.total for look in looks}
    assert all(look.done <= look.total for look in looks)
    counts = [totals[number] for number in range(1, max(totals) + 1)]
    assert counts[-1] == 2
    assert all(after == max(2, before // 2) for before, after in pairwise(counts))
    budgets = []
    for _ in halve([candidate("a", 1.0, 3)] * 8, 10, lambda c, steps, number: (budgets.append(steps), c)[1]):
        pass
    assert budgets == [10] * 8 + [20] * 4 + [40] * 2


def test_stopped_by_ctrl_c_what_is_known_is_told_and_nothing_is_trained(tmp_path):
    seen = []

    def stop(look):
        seen.append(look)
        if len(seen) == 2:
            raise KeyboardInterrupt

    found = shortlist(table(3.0), "y", seeds=2, runs=tmp_path, watch=stop)
    assert found.stopped == "interrupted"
    assert len(found.candidates) == 2
    assert found.winner is not None
    assert found.run is None
    assert found.test == {}
    assert "Ctrl-C" in " ".join(found.why)
    assert list(tmp_path.iterdir()) == []


def test_when_time_is_up_the_winner_so_far_is_trained(tmp_path):
    found = shortlist(table(3.0), "y", seeds=1, seconds=1e-6, runs=tmp_path)
    assert found.stopped == "seconds"
    assert len(found.candidates) == 1
    assert found.run is not None
    assert "one seed" in found.why[0]


def candidate(name: str, mean: float, parameters: int, noise: float = 0.0) -> Candidate:
    rows = mean + noise * np.random.default_rng(parameters).normal(size=100)
    rows += mean - rows.mean()
    return Candidate(name, search.check(), 0.1, (0, 1), (mean, mean), rows, parameters, 100, 0)


def test_the_simplest_within_one_standard_error_wins_and_it_is_said():
    large, small = candidate("large", 1.0, 50, noise=0.5), candidate("small", 1.01, 5, noise=0.5)
    won = choose([large, small], [])
    assert won.winner is small
    assert won.lowest is large
    assert "a tie: within one standard error the simpler one wins" in " ".join(won.why)
    won = choose([large, replace(small, losses=small.losses + 1, validation=(2.0, 2.0))], [])
    assert won.winner is large
    assert "tie" not in " ".join(won.why)


def test_the_standard_error_is_that_of_the_differences_row_by_row_and_of_the_seeds():
    one, other = candidate("one", 1.0, 50, noise=0.5), candidate("other", 1.2, 5, noise=0.5)
    one = replace(one, validation=(0.9, 1.1))
    apart, error = behind(other, one)
    assert apart == pytest.approx(0.2)
    rows = (other.losses - one.losses).std(ddof=1) / 10
    assert error == pytest.approx(np.hypot(rows, np.std([0.9, 1.1], ddof=1) / np.sqrt(2)))


def test_a_tie_is_not_won_by_one_that_a_simpler_one_beats():
    best, loud = candidate("best", 1.0, 50), candidate("loud", 1.1, 20, noise=3.0)
    assert choose([best, loud], []).winner is loud
    assert choose([best, loud, candidate("simple", 1.05, 5)], []).winner is best


def test_no_candidate_that_arrived_means_no_winner():
    assert choose([replace(candidate("a", 1.0, 5), validation=(np.inf, 1.0))], []) is None


def test_no_better_than_a_constant_is_said_to_be_so():
    trivial = replace(candidate("trivial", 1.0, 1), settings=None, validation=(1.0,))
    assert "hardly tell the target" in " ".join(choose([candidate("a", 1.0, 5)], [trivial]).why)


def test_variants_change_rate_schedule_penalty_and_width_each_once(monkeypatch):
    monkeypatch.setattr(tuning, "PENALTIES", (1e-3, 1e-2))
    monkeypatch.setattr(tuning, "WIDTHS", (0.5, 2.0))
    network = replace(candidate("mlp:8", 1.0, 50), settings=search.check(model="mlp:8", schedule="cosine"))
    found = all_variants([network, network])
    made = {(c.model, round(c.rate, 4), c.settings.schedule, c.settings.l2) for c in found}
    assert len(made) == len(found) == 10
    assert {c.model for c in found} == {"mlp:4", "mlp:8", "mlp:16"}


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"rate": 0.1}, SettingsError, "chooses rate itself"),
        ({"seeds": 0}, SettingsError, "at least 1"),
        ({"seconds": 0}, SettingsError, "above 0"),
        ({"validation": 0.0}, DataError, "no validation rows"),
    ],
)
def test_what_won_t_do_is_said_before_anything_is_trained(tmp_path, given, error, said):
    with pytest.raises(error, match=said):
        shortlist(table(0.0), "y", runs=tmp_path, **given)
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_a_table_and_why_or_json(tmp_path, capsys, monkeypatch):
    app = typer.Typer()
    app.command()(command)
    path = tmp_path / "t.csv"
    table(3.0).write_csv(path)
    given = [str(path), "--target", "y", "--type", "part=ignore", "--seeds", "1", "--no-report"]
    given += ["--runs", str(tmp_path / "runs")]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    app([*given, "--seconds", "0.001", "--name", "won"], standalone_mode=False)
    said = capsys.readouterr()
    assert "validation loss" in said.out
    assert "* linear" in said.out
    assert "linear, rate" in said.err + said.out
    assert "won: a mean loss of" in said.out
    assert "ended by the seconds" in said.out
    (run,) = (tmp_path / "runs").iterdir()
    assert f"Kept in {run}" in said.out
    app([*given, "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert told["winner"]["model"].startswith("mlp:")
    assert open_run(told["run"]).metrics["test"] == pytest.approx(told["test"])
