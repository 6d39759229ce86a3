"""Trials beside a training are the same training but for what was changed."""

from __future__ import annotations

import jax
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.engine import precision
from fallline.instruments.trials import Trial, try_out


def table(rows: int = 200) -> pl.DataFrame:
    """Two numbers and a target that they decide, with noise."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=rows), draw.normal(size=rows)
    return pl.DataFrame({"x": x, "z": z, "y": 2 * x - z + draw.normal(0, 0.3, rows)})


SETTINGS = {
    "batches": {"batch": 16, "rate": 0.05},
    "all rows": {"batch": "full", "rate": 0.3},
    "a network": {"model": "mlp:8", "batch": 32, "rate": 0.05, "rule": "adam"},
    "averaged": {"batch": 16, "rate": 0.1, "average": "ema:0.9"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_trial_with_nothing_changed_gives_the_weights_of_the_run(tmp_path, settings):
    frame = table()
    run = fl.train(frame, "y", runs=tmp_path, steps=60, stop=None, precision=64, **settings)
    training = fl.open_run(run.path, frame).training
    with precision(64):
        mine = training.ready.settings
        other = mine.model_copy(update={"schedule": "cosine"})
        seen, ends = try_out(training, [Trial("same", mine), Trial("other", other)], seeds=[0, 1], steps=60)
        kept, (same, *_) = jax.tree.leaves(training.kept), ends
        for ours, theirs in zip(jax.tree.leaves(same.parameters), kept, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    last = seen.filter(step=60)
    assert last["trial"].to_list() == ["same", "same", "other", "other"]
    assert last["loss"].n_unique() == 4
    assert last["loss"][0] == pytest.approx(run.metrics["train"]["loss"], rel=1e-9)
    assert last["validation_loss"][0] == pytest.approx(run.metrics["validation"]["loss"], rel=1e-9)
