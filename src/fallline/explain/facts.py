"""What a run's own record says, as one flat dict of figures: what the claims of explanations are decided by.

Nothing is measured here and no JAX is needed. What a run does not know is None.
"""

from __future__ import annotations

from typing import Any

from fallline.explain.columns import column_facts
from fallline.explain.held_out import held_out_facts
from fallline.explain.parts import loss_words, rule_name, rule_words
from fallline.explain.recorded import trace_facts
from fallline.measurement import Figures
from fallline.words import measure_name, model_name, source_name


def facts(run: Any) -> Figures:
    """The record of a run as figures. `run` is anything that has what a run folder has."""
    return (
        _settings(run)
        | _rows(run)
        | column_facts(run)
        | _start_and_end(run)
        | held_out_facts(run)
        | trace_facts(run)
        | _rates(run)
    )


def _settings(run: Any) -> Figures:
    s = run.settings
    network = str(s["model"]).startswith("mlp")
    return {
        "run": run.name,
        "path": str(run.path),
        "model": s["model"],
        "model_words": model_name(s["model"]),
        "network": network,
        "loss": s["loss"],
        "loss_words": loss_words(s["loss"]),
        "rule": rule_name(s["rule"]),
        "rule_asked": s["rule"],
        "rule_words": rule_words(s["rule"]),
        "clip": s.get("clip"),
        "average": s.get("average") if s.get("average") != "none" else None,
        "rate": s["rate"] if isinstance(s["rate"], float | int) else None,
        "rate_chosen": s.get("rate_asked") == "auto",
        "schedule": s["schedule"],
        "full": s["batch"] == "full" or s["batch"] == run.data["rows"]["train"],
        "batch": run.data["rows"]["train"] if s["batch"] == "full" else s["batch"],
        "l1": s["l1"],
        "l2": s["l2"],
        "init": s["init"],
        "activation": s["activation"],
        "standardize": s["standardize"],
        "seed": s["seed"],
        "precision": s["precision"],
        "stop_asked": s["stop"],
        "parameters": s.get("parameters"),
        "epoch_steps": s.get("steps_an_epoch"),
    }


def _rows(run: Any) -> Figures:
    data, target = run.data, run.data["target"]
    rows = data["rows"]
    classes = target.get("classes")
    return {
        "source": source_name(data["source"]),
        "rows_read": rows["read"],
        "rows_dropped": rows["dropped"],
        "rows_train": rows["train"],
        "rows_validation": rows["validation"],
        "rows_test": rows["test"],
        "split": data["split"],
        "target": target["name"],
        "task": target["task"],
        "target_mean": target["mean"],
        "target_scale": target["scale"],
        "target_scaled": target["task"] == "regression" and (target["mean"], target["scale"]) != (0.0, 1.0),
        "classes": classes,
        "features": len(data["features"]),
    }


def _start_and_end(run: Any) -> Figures:
    verdict, start, exact = run.verdict, run.start, run.exact or {}
    judged = verdict.figures
    train = run.metrics.get("train") or {}
    end = train.get("loss")
    own = _own_units(run, end, train.get("rmse"))
    return {
        "state": verdict.state,
        "why": verdict.why,
        "next": verdict.next,
        "finished": run.finished,
        "start_loss": start.get("loss"),
        "trivial_loss": start.get("trivial_loss"),
        "trivial": start.get("trivial"),
        "end_loss": end,
        "start_error": own * start["loss"] ** 0.5 if own and start.get("loss") is not None else None,
        "end_error": train.get("rmse") if own else None,
        "metric": run.metric,
        "metric_name": measure_name(run.metric),
        "exact_loss": exact.get("loss"),
        "exact_above": exact.get("loss_distance"),
        "exact_weights": exact.get("weights_distance"),
        "exact_unique": exact.get("unique"),
        "independent": exact.get("unique") if not run.settings["l2"] else None,  # a penalty makes any answer unique
        "exact_method": exact.get("method"),
    } | {
        name: judged.get(name)
        for name in ("ended", "kept", "start_gradient", "end_gradient", "last_fall", "stable", "patience", "epochs")
    }


def _own_units(run: Any, end: float | None, rmse: float | None) -> float | None:
    """What the root of a squared loss is multiplied by to be an error in the target's units, where that is so.

    It is not so where rows count differently; then the loss kept and its RMSE do not agree, and None is returned.
    """
    if run.settings["loss"] != "squared" or run.data["target"]["task"] != "regression" or not end or not rmse:
        return None
    factor = run.data["target"]["scale"] * 2**0.5
    return factor if abs(factor * end**0.5 - rmse) <= 1e-3 * rmse else None


def _rates(run: Any) -> Figures:
    tried = run.rates
    none: Figures = dict.fromkeys(("tried", "tried_low", "tried_high", "tried_broke", "tried_lowest_broke"))
    if tried is None or tried.is_empty():
        return none
    losses, rates = tried["loss"], tried["rate"]
    start = run.start.get("loss")
    broke = ~losses.is_finite().fill_null(False)
    if start is not None:
        broke |= losses > start
    return {
        "tried": len(tried),
        "tried_low": rates.min(),
        "tried_high": rates.max(),
        "tried_broke": int(broke.sum()),
        "tried_lowest_broke": rates.filter(broke).min(),
        "tried_smallest_loss": tried.sort("rate")["loss"][0],
        "tried_chosen_loss": next(iter(tried.filter("chosen")["loss"]), None) if "chosen" in tried.columns else None,
    }
