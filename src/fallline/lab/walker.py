"""The live training: it walks a prepared scene with the engine's own loop, as far as asked, and stands anywhere.

The cursor, `step`, says how many updates have been made. The walk is always one step ahead of it, so that the next
update can be shown before it is made. What a person has seen ends at `seen`; back is a move of the cursor alone.

A training at the command line ends at a plateau, or when its steps are used up. Here it pauses there, once, and may go
on; a divergence can't be walked through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from fallline.fit import SetUp, figures_of, rates_of, replay, watch_of
from fallline.lab.look import Branch
from fallline.lab.prepared import Prepared
from fallline.lab.record import Record, States
from fallline.lab.scene import Scene
from fallline.legs import Leg, Stop, train
from fallline.numbers import number
from fallline.record import as_laid_out, keeps_parameters, laid_flat
from fallline.rules import start as start_state
from fallline.settings import rate_changes_of, stops_of
from fallline.stopping import good_steps
from fallline.survey import survey
from fallline.trace.trace import Snapshots
from fallline.training import Training
from fallline.types import Parameters, State
from fallline.verdict import Verdict, judge
from fallline.watch import Watch

BRANCHES = 5  # paths left that are still shown


class Walker:
    """Use it inside `engine.precision(walker.settings.precision)`."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, self.ready, self.scene = prepared, prepared.ready, prepared.scene
        recorded = prepared.recorded
        self.step = 0
        self.seen = 1 if recorded is None else recorded.steps  # steps of the record that have been shown
        self.pauses: tuple[Stop, ...] = ()  # where a training at the command line ends, as far as it was walked
        self.broken: Stop | None = None
        self.branches: tuple[Branch, ...] = ()
        self.revision = 0
        self._states = States(self.ready.state)
        self._record = Record(self.ready.walk.batches, None if recorded is None else recorded.trace)
        self._snapshots = Snapshots()
        self._evaluations = pl.DataFrame(schema=LOOKS)
        self._few = keeps_parameters(self.ready.state.parameters) and not self.ready.parts.averaged
        self._seconds = 0.0
        self._watch = self._watch_from(0)
        self._training: tuple[tuple, Training] | None = None
        if recorded is not None:
            self._replay(recorded)
        self.walk_to(1)

    @property
    def walked(self) -> int:
        """Steps of the record."""
        return len(self._record)

    def pause(self, after: int, up_to: int) -> Stop | None:
        """The first end of a training at the command line beyond one step and up to another."""
        return next((pause for pause in self.pauses if after < pause.step <= up_to), None)

    @property
    def horizon(self) -> int:
        """The updates that the settings ask for."""
        return self.ready.horizon

    def walk_to(self, step: int, enough: Callable[[], bool] = lambda: False) -> bool:
        """Walk until the record has so many steps, or it broke, or, after any leg, `enough` says so.

        Returns: whether it got as far as it can.
        """
        while self.walked < step and self.broken is None:
            self._one_leg(step)
            if enough():
                break
        return self.walked >= step or self.broken is not None

    def close_up(self) -> None:
        """Two legs of one step: the states around the second are at hand then, and need not be walked to once more."""
        for _ in range(2):
            if self.broken is None:
                self._one_leg(self.walked + 1, passing=True)

    def go(self, step: int) -> bool:
        """Move the cursor to where the record reaches; from where it breaks back to the last good step.

        Returns: whether it broke.
        """
        self.step = max(0, min(step, self.walked - 1))
        broke = self.broken is not None and self.step >= self.broken.step - 1
        if broke and self.broken is not None:
            self.seen = max(self.seen, self.broken.step)
            self.step = self.broken.keep
        self.seen = max(self.seen, self.step + 1)
        return broke

    def state(self, step: int) -> State:
        """The state after a step of the record: the same bits, by the shortest way."""
        parts, (near, state) = self.ready.parts, self._states.nearest(step)
        if near < step <= self.walked and parts.rule.is_plain and not parts.averaged:
            kept = self._kept_flat(step)
            if kept is not None:  # that rule remembers nothing
                return start_state(parts.rule, self._unravel(kept))
        if near < step:
            state = replay(self.ready, step, state, near)
            self._states.remember(step, state)
        return state

    def change_rate(self, rate: float) -> None:
        """From here on another rate. What lay beyond stays to be seen, as a branch."""
        at, before = self.step, self.settings_rate(self.step + 1)
        if self.seen > at + 1:
            self._leave(f"rate {number(before)}")
        self.ready = with_rate(self.ready, at, rate)
        settings = self.ready.settings
        changed = {"rate_changes": settings.rate_changes} | ({} if at else {"rate": rate})
        self.scene = self.scene.with_settings(changed)
        self._forget(at)
        self.walk_to(at + 1)
        self.go(at)

    def settings_rate(self, step: int) -> float:
        """The base rate of a step, counted from 1, before the schedule."""
        base = self.ready.rate
        for since, rate in rate_changes_of(self.ready.settings):
            base = rate if step > since else base
        return base

    def here(self) -> Scene:
        """The scene, with the cursor where it is."""
        return self.scene.at(self.step)

    @property
    def evaluations(self) -> pl.DataFrame:
        """Looks at the held-out rows, as far as has been seen."""
        self._evaluations = self._looks()
        if self._evaluations.is_empty() or self._evaluations["step"][-1] <= self.seen:
            return self._evaluations
        return self._evaluations.filter(pl.col("step") <= self.seen)

    def verdict(self, ending: Stop) -> Verdict:
        """The verdict of a training at the command line that ends like this."""
        prepared, parameters = self.prepared, self._unravel(self.parameters(ending.keep))
        path = self._record.frame(ending.step)["objective"].to_numpy()
        gradient = float(survey(self.ready.parts, self.ready.state.parameters, self.ready.whole)[2])
        start = (prepared.start_objective, gradient)
        patience = int(stops_of(self.ready.settings).get("patience", 0))
        return judge(
            figures_of(
                self.ready, ending, ending.keep, parameters, path, start,
                patience=patience, trivially=prepared.trivially,
            )
        )  # fmt: skip

    @property
    def training(self) -> Training:
        """The walk as a training, as far as has been seen, with the weights at the cursor as those kept."""
        key = (self.revision, self.seen, self.step)
        if self._training is None or self._training[0] != key:
            self._training = key, self._as_training()
        return self._training[1]

    def parameters(self, step: int) -> np.ndarray:
        """The flat parameters after a step of the record."""
        kept = self._kept_flat(step)
        return laid_flat(self.state(step).parameters) if kept is None else kept

    def _as_training(self) -> Training:
        held, seen = self.evaluations, min(self.seen, self.walked)
        name = self.scene.table if self.prepared.recorded is None else self.prepared.recorded.name
        here = self.state(self.step)
        kept = here.average if self.ready.parts.averaged else here.parameters  # as a training at the command line would
        snapshots: dict[int, Callable[[], np.ndarray]]
        snapshots = {step: partial(self._snapshot_of, step) for step in self._snapshots.at if step <= seen}
        if not self._few and self.prepared.recorded is not None:
            snapshots |= self.prepared.recorded.snapshots
        return Training(
            name=name,
            ready=self.ready,
            trace=self._record.frame(seen),
            kept=kept,
            kept_step=self.step,
            names=self.prepared.names,
            snapshots=snapshots,
            table=self.prepared.table,
            held_out=held,
            nearest=self.state,
        )

    def _one_leg(self, step: int, passing: bool = False) -> None:
        """Up to a step at most; the weights at the end of a leg in passing are not kept."""
        start = self.walked
        stop = min(step, start + self.ready.walk.capacity, self.horizon if start < self.horizon else step)
        every = self._watch.every
        if self._watch.evaluate is not None and not self._few:  # it looks at the ends of legs only
            stop = min(stop, start - start % every + every)
        began, state = self._seconds, self.state(start)

        def see(leg: Leg) -> Stop | None:
            return self._watch(leg._replace(seconds=began + leg.seconds))

        state, ending = train(
            self.ready.parts,
            state,
            self.ready.table,
            self.ready.walk,
            see,
            start=start,
            stop=stop,
            feed=self.ready.feed,
        )
        if ending.reason == "diverged":
            self.broken = ending
            return
        self._states.offer(ending.step, state)
        if ending.reason in ("plateau", "patience"):
            self.pauses = (*self.pauses, ending)
            self._watch.plateau = self._watch.patience = None
        elif ending.step == self.horizon:
            self.pauses = (*self.pauses, ending)
        if not (passing or keeps_parameters(state.parameters)):
            self._snapshots.offer(ending.step, state.parameters)

    def _keep(self, leg: Leg) -> None:
        self._record.keep(leg)
        if len(leg.seconds):
            self._seconds = float(leg.seconds[-1])

    def _snapshot_of(self, step: int) -> np.ndarray:
        """Laid out flat when it is first asked for: that takes as long as some steps."""
        if not isinstance(self._snapshots.at[step], np.ndarray):
            self._snapshots.at[step] = laid_flat(self._snapshots.at[step])
        return self._snapshots.at[step]

    def _watch_from(self, step: int) -> Watch:
        """What happens between legs, as it stands after a step of the record."""
        made, prepared = self.ready, self.prepared
        whole = replace(made, walk=replace(made.walk, capacity=prepared.legs))
        watch = watch_of(whole, self._keep, 0, prepared.start_objective, prepared.validation, prepared.measure)
        watch.seconds = None  # a person takes the time that it takes
        if not self._few:
            watch.every = math.lcm(watch.every, prepared.legs)
        if not step:
            return watch
        seen = self._record.frame(step)
        objective = seen["objective"].to_numpy()
        if watch.plateau and watch.plateau.look(0, objective, seen["gradient_norm"].to_numpy()) is not None:
            watch.plateau = None
        if watch.patience:
            looks = self._evaluations.filter(pl.col("step") <= step)
            turned = [watch.patience.look(k, loss) for k, loss in looks.select("step", "validation_loss").iter_rows()]
            watch.patience = None if any(turned) else watch.patience
        good = good_steps(objective, prepared.start_objective)
        good = step if good == len(objective) else max(good - 1, 0)
        watch.good = (good, self.state(good).parameters)
        return watch

    def _looks(self) -> pl.DataFrame:
        last = 0 if self._evaluations.is_empty() else int(self._evaluations["step"][-1])
        new = [look for look in self._watch.evaluations if look.step > last]
        if not new:
            return self._evaluations
        return pl.concat([self._evaluations, pl.DataFrame(new, schema=LOOKS, orient="row")])

    def _leave(self, name: str) -> None:
        """Keep what was seen beyond the cursor as a branch."""
        trace = self._record.frame(self.seen).filter(pl.col("step") >= max(self.step, 1))
        path = None
        if "parameters" in trace.columns and not trace["parameters"].null_count():
            path = trace["parameters"].to_numpy()
            if self.step == 0:
                path = np.concatenate([laid_flat(self.ready.state.parameters)[None], path])
        self.branches = (*self.branches, Branch(name, self.step, trace, path))[-BRANCHES:]

    def _forget(self, step: int) -> None:
        """Drop what lies beyond a step."""
        self._evaluations = self._looks().filter(pl.col("step") <= step)
        self._states.offer(step, self.state(step))
        self._record.forget(step)
        self._states.forget(step)
        self._snapshots.at = {k: at for k, at in self._snapshots.at.items() if k <= step}
        self.seen, self.broken = step + 1, None
        self.pauses = tuple(pause for pause in self.pauses if pause.step < step)
        self.revision += 1
        self._watch = self._watch_from(step)

    def _replay(self, recorded: Training) -> None:
        """What a recorded run left: it ended at its last step, for the reason that it gives."""
        ended = recorded.steps
        if recorded.held_out is not None:
            self._evaluations = recorded.held_out
        objective = recorded.trace["objective"]
        if ended and not np.isfinite(objective[-1]):
            self.broken = Stop("diverged", ended, recorded.kept_step)
        else:
            self.pauses = (Stop("epochs" if ended >= self.horizon else "plateau", ended, ended),)
            self._watch.plateau = self._watch.patience = None

    def _kept_flat(self, step: int) -> np.ndarray | None:
        if step == 0:
            return laid_flat(self.ready.state.parameters)
        seen = self._record.frame(self.walked)
        if "parameters" in seen.columns and seen["parameters"][step - 1] is not None:
            return seen["parameters"][step - 1].to_numpy()
        return None

    def _unravel(self, values: np.ndarray) -> Parameters:
        return as_laid_out(self.ready.state.parameters, values)


def with_rate(ready: SetUp, at: int, rate: float) -> SetUp:
    """The same training with another base rate from a step on; what was to change later does not."""
    changes = [(step, value) for step, value in rate_changes_of(ready.settings) if step < at]
    if at:
        changes.append((at, rate))
    told = ",".join(f"{step}:{value!r}" for step, value in changes) or None
    first = ready.rate if at else rate
    settings = ready.settings.model_copy(update={"rate_changes": told} | ({} if at else {"rate": rate}))
    rates = rates_of(settings, first, ready.stretches, ready.walk.batches.epoch_steps)
    return replace(ready, settings=settings, rate=first, walk=replace(ready.walk, rates=rates), choice=None)


LOOKS = {"step": pl.Int64, "epoch": pl.Float64, "validation_loss": pl.Float64, "validation_metric": pl.Float64}
