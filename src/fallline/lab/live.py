"""One open page: its scene, its walk, what it was asked for, and what it is told. The loop around it is in `worker.py`.

Each message of the page that changes the walk is a method of the same name; those that take long are in `asides.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fallline.engine import precision
from fallline.errors import SettingsError, unknown
from fallline.instruments.now import look_ahead
from fallline.lab.answers import changing, guess, ready, table_of
from fallline.lab.commands import train_command
from fallline.lab.facts import spoken_of
from fallline.lab.keeping import keeping_of
from fallline.lab.messages import Show
from fallline.lab.prepared import prepare
from fallline.lab.scene import Scene, scene_of
from fallline.lab.showing import Showing
from fallline.lab.walker import Walker
from fallline.measurement import Figures
from fallline.numbers import count, number
from fallline.settings import at_weights
from fallline.stopping import WORSE
from fallline.training import Training
from fallline.types import Parameters

Message = dict[str, Any]
OF_TARGET = ("model", "loss", "output", "init")  # settings that hang on what is predicted
MOST_PLACED = 800  # parameters whose start weights an address can hold
MOST_WALKED = 2_000_000  # updates that are kept in memory
OFTEN = 1.0  # seconds between looks at the curvature while running
QUICK = 0.005  # seconds: a look at the curvature that takes less is taken at once


class Live:
    """A page's training. Call its methods inside `with live.precision:`."""

    def __init__(self, send: Callable[[Message], None], folder: Path, runs: Mapping[str, Path]) -> None:
        self.send, self.folder, self.runs = send, folder, runs
        self.walker: Walker | None = None
        self.shown: Any = Show(pictures=())
        self.showing = Showing(send)
        self.running: float | None = None  # updates a second, 0: as fast as it can
        self.goal: int | None = None  # the step that is walked to
        self.number = self.drawn = 0
        self.dirty = False
        self.score = [0, 0]
        self.guessed_at: int | None = None
        self._since = (0.0, 0)  # when running began, and at which step
        self._ahead: tuple[tuple, Figures] = ((), {})
        self._asked: tuple | None = None
        self._asked_at = 0.0
        self._quick: dict[Any, bool] = {}  # parts -> whether their curvature is measured at once

    @property
    def precision(self):
        return precision(32 if self.walker is None else self.walker.ready.settings.precision)

    @property
    def walk(self) -> Walker:
        if self.walker is None:
            raise SettingsError("No training is open yet.\nOpen a scene first.")
        return self.walker

    # -- the page's messages

    def open(self, message: Message) -> None:
        """A scene, or a recorded run to replay."""
        self.shown = _shown(message.get("show"), self.shown)
        name = message.get("run")
        if name is not None:
            self._begin(self._scene_of_run(name), replay=True)
            return
        given = message.get("scene")
        scene = given if isinstance(given, Scene) else scene_of(dict(given or {}))
        self._begin(scene, replay=self._is_run(scene))

    def forward(self, message: Message) -> None:
        """Some updates, or up to the end of the epoch."""
        self._stop()
        at, per = self.walk.step, self.walk.ready.walk.batches.epoch_steps
        self.goal = at + message["count"] if message.get("count") else (at // per + 1) * per

    def back(self, message: Message) -> None:
        self._stop()
        self._go(self.walk.step - message["count"])

    def go(self, message: Message) -> None:
        """To a step: at once where the record reaches."""
        self._stop()
        self.goal = message["step"]

    def run(self, message: Message) -> None:
        self.goal, self.running = None, float(message.get("speed", 0))
        self._since = (time.perf_counter(), self.walk.step)
        self.dirty = True  # that it runs is told at once, also where the first update takes its time

    def pause(self, message: Message) -> None:
        self._stop()
        self.dirty = True

    def change(self, message: Message) -> None:
        """Settings. A rate goes on from here; all else starts anew."""
        changed = dict(message["settings"])
        if set(changed) == {"rate"} and _is_number(changed["rate"]):
            self.walk.change_rate(float(changed["rate"]))
            self.send({"say": "changed", **changing(self.walk)})
            self._since = (time.perf_counter(), self.walk.step)
            self.dirty = True
            return
        names = ", ".join(f"{name} {value}" for name, value in changed.items())
        self._begin(self.walk.here().with_settings(self._fresh() | changed), f"Training starts anew, with {names}.")

    def table(self, message: Message) -> None:
        """Another table, target or kinds of columns."""
        name, here = message["table"], self.walk.here()
        same = name == here.table
        kinds = (here.types if same else {}) | (message.get("types") or {})
        target = message.get("target") or (here.target if same else None)
        settings = self._fresh(here.settings) if same else {}
        if target != here.target or target in (message.get("types") or {}):  # what fits numbers may not fit classes
            settings = {name: value for name, value in settings.items() if name not in OF_TARGET}
        given = {"table": name, "target": target, "types": kinds, "settings": settings}
        self._begin(scene_of(given), "Training starts anew, on another table." if not same else "Training starts anew.")

    def points(self, message: Message) -> None:
        """Moved and added rows, beside those before unless `anew`: training starts anew from the weights here."""
        here = self.walk.here()
        before = () if message.get("anew") else here.points
        moved = {tuple(edit[:1]): edit for edit in before if edit[0] is not None}
        added = [edit for edit in before if edit[0] is None]
        for row, x, y in message["edits"]:
            if row is None:
                added.append((None, x, y))
            else:
                moved[(row,)] = (row, x, y)
        rows = (*added, *moved.values())
        given = here.with_settings(self._placed({})).model_dump() | {"points": rows}
        self._begin(scene_of(given), "The table has changed: training starts anew from these weights.")

    def place(self, message: Message) -> None:
        """Start anew with the ball somewhere else."""
        placed = self._placed(message["weights"], message.get("step"))
        self._begin(self.walk.here().with_settings(placed), "Training starts anew from where you put it.")

    def show(self, message: Message) -> None:
        self.shown = _shown(message.get("show", message), self.shown)
        self.dirty = True

    def guess(self, message: Message) -> None:
        """Where does the next step land?"""
        weight = self.showing.look(self.walk, self.shown, False).weight
        answer = guess(self.walk, weight, float(message["value"]))
        self.score = [self.score[0] + answer["right"], self.score[1] + 1]
        self.guessed_at = self.walk.step
        self.send({"say": "guessed", **answer, "score": self.score})
        self.dirty = True

    # -- walking

    @property
    def walking(self) -> bool:
        """Whether there is anything to walk."""
        return self.walker is not None and (self.goal is not None or self.running is not None)

    @property
    def flat_out(self) -> bool:
        """Whether it walks as fast as it can."""
        return self.goal is not None or self.running == 0

    def wait(self) -> float | None:
        """Seconds until the next update is due; 0 when it is, None when none is to come."""
        if not self.walking:
            return None
        if self.flat_out or not self.running:
            return 0.0
        began, first = self._since
        due = began + (self.walk.step + 1 - first) / self.running
        return max(due - time.perf_counter(), 0.0)

    def advance(self) -> None:
        """Walk a leg, or as many updates as are due."""
        walker = self.walk
        if self.goal is not None:
            reached = walker.walk_to(self.goal + 1, lambda: True)
            self._go(self.goal if reached else walker.walked - 1)
            if reached:
                self.goal = None
            return
        if self.running == 0:
            walker.walk_to(walker.step + 1 + walker.ready.walk.capacity, lambda: True)
            self._go(walker.walked - 1)
            return
        began, first = self._since
        due = first + int((time.perf_counter() - began) * (self.running or 0))
        if due > walker.step:
            walker.walk_to(due + 1, lambda: True)
            if walker.walked - 1 < due:  # it can't be had that fast: from here on as fast as it goes
                self._since = (time.perf_counter(), walker.walked - 1)
            self._go(min(due, walker.walked - 1))

    def _go(self, step: int) -> None:
        """Move the cursor; pause where a training at the command line ends, stop where it breaks."""
        walker, before = self.walk, self.walk.step
        end = walker.pause(before, step)
        if end is not None and self.running is not None:  # who asks for a step gets it
            step = end.step
            self._stop()
        broken = walker.go(step)
        self.dirty = True
        if broken:
            self._stop()
            self._broke()
        elif end is not None:
            self.send({"say": "said", "text": str(walker.verdict(end)), "urgent": False})
        elif walker.walked >= MOST_WALKED:
            self._stop()
            self.send(
                {"say": "said", "text": f"{count(walker.walked)} updates: no more are kept here.", "urgent": True}
            )

    def _stop(self) -> None:
        self.running = self.goal = None

    # -- what is told

    def now(self) -> Message:
        """The newest state, numbered; at full speed two updates further, where the states around it are at hand."""
        walker = self.walk
        if self.running == 0:
            walker.close_up()
            self._go(walker.walked - 1)
        batches = walker.ready.walk.batches
        rows = int(batches.rows_seen(np.array(walker.step)))
        self.number, self.dirty = self.number + 1, False
        spoken = "" if self.walking else spoken_of(walker)
        body = self.showing.now(walker, self.shown, self.ahead(), self.guessed_at == walker.step)
        return {
            "say": "now",
            "number": self.number,
            "epoch": rows / batches.rows,
            "rows": rows,
            "running": self.running is not None or self.goal is not None,
            "ended": self._ended(),
            "address": walker.here().to_query(),
            "spoken": spoken,
            "command": train_command(keeping_of(walker)),
            **body,
        }

    def ahead(self) -> Figures:
        """How large a rate the curvature allows here; {} while that is not known, and is being measured.

        It is measured at once where that is known to be quick, else beside the walk, at most once a second while
        running.
        """
        walker, now = self.walk, time.perf_counter()
        key = (walker, walker.revision, walker.step)
        known, figures = self._ahead
        if known == key:
            return figures
        training, parameters = walker.training, walker.training.at(walker.step)
        if self._quick.get(training.parts, False):
            self._ahead = key, look_ahead(training, parameters)
            return self._ahead[1]
        if self._asked is None or self._asked[:2] != key[:2] or now - self._asked_at >= OFTEN or not self.walking:
            self._asked, self._asked_at = key, now
            self.beside(lambda: self._measure_ahead(key, training, parameters))
        return figures if known[:2] == key[:2] and self.walking else {}

    def _measure_ahead(self, key: tuple, training: Training, parameters: Parameters) -> None:
        began = time.perf_counter()
        found = look_ahead(training, parameters)
        if key[0] is self.walker:
            self._ahead = key, found
            self._quick[training.parts] = time.perf_counter() - began <= QUICK

    # what measures beside the walk, and has the newest state told when it is done
    beside: Callable[[Callable[[], None]], None] = staticmethod(lambda act: act())

    def _ended(self) -> Message | None:
        walker = self.walk
        if walker.broken is not None and walker.step == walker.broken.keep:
            return {"state": "diverged", "text": str(walker.verdict(walker.broken))}
        end = walker.pause(walker.step - 1, walker.step)
        if end is not None:
            verdict = walker.verdict(end)
            return {"state": verdict.state, "text": str(verdict)}
        return None

    def _broke(self) -> None:
        walker = self.walk
        assert walker.broken is not None
        verdict = walker.verdict(walker.broken)
        stable = verdict.figures.get("stable")
        text = (
            f"{verdict} The ball is back at step {count(walker.step)}, the last good one: none up to there has a loss "
            f"of more than {number(WORSE)} times the start's."
        )
        self.send({"say": "broke", "text": text, "stable": stable, "step": walker.step})
        self.on_broke()

    on_broke: Callable[[], None] = staticmethod(lambda: None)  # what looks for a fix, in the background

    # -- scenes

    def _begin(self, scene: Scene, words: str = "", *, replay: bool = False) -> None:
        """Another scene. What is running goes on when it can't be made ready."""
        prepared = prepare(scene, self.folder, self.runs, replay=replay)
        self._stop()
        with precision(prepared.settings.precision):
            self.walker = Walker(prepared)
            self.showing.forget()
            self.guessed_at = None
            self.send(ready(self.walker, self.shown, table_of(prepared)))
            self.drawn = self.number  # the page draws nothing more of the scene before, and says nothing of it
            if words:
                self.send({"say": "said", "text": words, "urgent": False})
            if scene.step:
                self.goal = scene.step
        self.dirty = not scene.step

    def _scene_of_run(self, name: str) -> Scene:
        from fallline.trace.run_folder import RunFolder

        if name not in self.runs:
            raise SettingsError(unknown("run", name, self.runs))
        return Scene(table=f"run:{name}").with_settings(RunFolder(self.runs[name]).asked)

    def _is_run(self, scene: Scene) -> bool:
        """Whether a scene is a recorded run as it was, at any of its steps."""
        name = scene.table.removeprefix("run:")
        return name != scene.table and name in self.runs and scene == self._scene_of_run(name).at(scene.step)

    def _fresh(self, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """For a start anew: one rate, the one that holds here, in place of those that it was changed to."""
        own = dict(settings or {})
        if self.walk.ready.settings.rate_changes is None:
            return own
        return own | {"rate": self.walk.settings_rate(self.walk.step + 1), "rate_changes": None}

    def _placed(self, weights: Mapping[str, float], step: int | None = None) -> dict[str, Any]:
        """The settings that start at the weights of a step, some of them elsewhere."""
        walker = self.walk
        names, step = walker.prepared.names, walker.step if step is None else min(step, walker.walked)
        if len(names) > MOST_PLACED:
            raise SettingsError(
                f"A model of {count(len(names))} parameters can't be started anywhere: an address holds "
                f"{count(MOST_PLACED)} of them.\nGo to a step and change the rate there instead."
            )
        flat = np.array(walker.parameters(step), np.float64)
        for name, value in weights.items():
            if name not in names:
                raise SettingsError(unknown("parameter", name, names))
            flat[names.index(name)] = np.asarray(value, walker.parameters(0).dtype)
        rate = walker.settings_rate(walker.step + 1)  # found before, where it is auto: the ball moves, the rate stays
        return {"init": at_weights(flat), "rate": rate, "rate_changes": None}


def _shown(given: Any, before: Any) -> Any:
    """What the page asks to see, as an object with the fields of `messages.Show`."""
    if given is None:
        return before
    if not isinstance(given, Mapping):
        return given
    return Show.model_validate(dict(given), strict=False)


def _is_number(value: Any) -> bool:
    try:
        return float(value) > 0
    except (TypeError, ValueError):
        return False
