"""What the tests of the detectors look at: a run that has nothing wrong, and what is changed about it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fallline.diagnosis.look import Held, Look

N = 400
STEPS = np.arange(1, N + 1)
FALL = 0.4 * np.exp(-STEPS / 40) + 0.1

CHECKUP: dict[str, Any] = {
    # layers
    "layers": ["layer1", "layer2", "layer3"], "hidden": 2, "activation": "relu", "units": [16, 16],
    "dead": [0.0, 0.1], "dead_share": 0.1, "dead_at_start": 0.0, "dead_layer": "layer2",
    "saturated": None, "saturated_share": None, "saturated_at_start": None, "saturated_layer": None, "alike": [],
    "start_gradients": [1.0, 1.0, 1.0], "start_first_to_last": 1.0, "signal_growth": 1.0,
    "start_gradient_norm": 2.0,
    # losses
    "train_loss": 0.1, "trivial_loss": 0.5, "train_skill": 0.8, "held_rows": 100, "held_loss": 0.11,
    "held_trivial_loss": 0.5, "held_surer": 12.0, "held_skill": 0.78, "held_chance": 0.005,
    "reference_skill": None, "reference_chance": None, "reference_rows": 0,
    # some more steps
    "onward_steps": 50, "onward_rate": 0.1, "onward_rows": 100, "onward_now": 0.1, "onward_same": 0.1,
    "onward_cooled": 0.0995, "onward_larger": np.inf, "onward_factor": 30.0, "onward_held_now": 0.11,
    "onward_held_same": 0.11, "onward_held_cooled": 0.11, "onward_held_larger": np.inf,
    "lambda_max": 2.0, "stable_rate": 1.0,
    # columns
    "features": 4, "standardize": True, "condition": 20.0, "condition_scaled": 20.0, "largest": 1.0,
    "largest_name": "a", "smallest": 1.0, "smallest_name": "b", "twins": [], "constant": [], "telling": [],
    "telling_scores": [], "others_skill": None, "renamed": [],
    # target
    "output": "identity", "outputs": 1, "loss": "Squared", "output_low": -np.inf, "output_high": np.inf,
    "target_low": -2.0, "target_high": 2.0, "target_mean": 0.0, "target_sd": 1.0, "target_outside": 0.0,
    "wrong": None, "classes": None,
}  # fmt: skip
CLASSES = {
    "classes": ["no", "yes"], "class_shares": [0.6, 0.4], "class_weights": [0.6, 0.4], "rarest": "yes",
    "rarest_share": 0.4, "commonest_share": 0.6, "rarest_rows": 40, "rarest_recognised": 0.8, "target_sd": None,
    "target_mean": None,
}  # fmt: skip
BENT = {"activation": "tanh", "dead": None, "dead_share": None, "saturated": [0.1, 0.0], "saturated_share": 0.1,
        "saturated_at_start": 0.0, "saturated_layer": "layer1"}  # fmt: skip


def look(
    loss: np.ndarray = FALL,
    /,
    *,
    full: bool = True,
    ended: str = "plateau",
    held: np.ndarray | None = None,
    metric: np.ndarray | None = None,
    name: str = "rmse",
    columns: dict[str, np.ndarray] | None = None,
    settings: dict[str, Any] | None = None,
    data_columns: list[dict[str, str]] | None = None,
    bare: bool = False,
    **checkup: Any,
) -> Look:
    """A healthy full-batch network of the plain rule, but for what is given; `bare` is a curve of another trainer's."""
    steps = np.arange(1, len(loss) + 1)
    looks = None
    if held is not None:
        at = np.linspace(1, len(loss), len(held)).round()
        looks = Held(at, held, np.full(len(held), np.nan) if metric is None else metric, name)
    fell = np.abs(np.diff(np.nan_to_num(loss, posinf=0), append=0))
    own = {"gradient_norm": np.sqrt(1.2 * fell / 0.1), "rate": np.full(len(loss), 0.1)} if not bare else {}
    if bare:
        why = dict.fromkeys(("checkup", "data"), "a bare curve")
        return Look(steps, loss, own | (columns or {}), looks, "epoch", absent=why)
    run = {
        "settings": {"rule": "plain", "rate": 0.1, "batch": "full" if full else 16, "clip": None, "average": None,
                     "bias": True} | (settings or {}),
        "data": {"columns": data_columns or [], "rows": {"train": 300, "validation": 100}},
        "verdict": {"figures": {"ended": ended, "full": full, "start": float(loss[0])}},
    }  # fmt: skip
    return Look(steps, loss, own | (columns or {}), looks, "step", run, CHECKUP | checkup)
