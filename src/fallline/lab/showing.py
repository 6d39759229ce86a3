"""What the page is shown at one moment: the four stages, the facts, the words on it, and the pictures.

Everything is measured on the walk as it stands. What is the same as before is not measured or drawn again: a picture's
specification is sent when its options change, and otherwise its data alone.
"""

from __future__ import annotations

import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import polars as pl

from fallline.errors import FalllineError
from fallline.instruments import measure as measure_on
from fallline.instruments.now import look_back
from fallline.lab.facts import facts, happening
from fallline.lab.look import Look
from fallline.lab.messages import Show
from fallline.lab.specification import specification
from fallline.lab.stages import stages
from fallline.lab.walker import Walker
from fallline.measurement import Figures, Measurement

Message = dict[str, Any]
KEPT = 64  # measurements


class Showing:
    """One page's pictures, and what was measured for them."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._measured: OrderedDict[tuple, Measurement] = OrderedDict()
        self._once: tuple[tuple, dict[str, Any]] = ((), {})  # of how much of which walk, and what was made of that
        self._path_losses: tuple[tuple, dict[int, float]] = ((), {})  # of which walk
        self._drawn: dict[str, str] = {}  # picture -> the options of its specification
        self._sent: dict[str, Mapping[str, pl.DataFrame]] = {}  # picture -> the data that the page has

    def forget(self) -> None:
        """Another scene: nothing that was measured holds any more."""
        self._measured.clear()
        self._once, self._path_losses = ((), {}), ((), {})
        self._drawn.clear()
        self._sent.clear()

    def now(self, walker: Walker, shown: Any, ahead: Figures, guessed: bool) -> Message:
        """The moment's part of the message `now`."""
        look = self.look(walker, shown, guessed, ahead.get("stable_rate"))
        behind, update = look_back(look.training, walker.step)[1], self._update(walker, look)
        return {
            "step": walker.step,
            "last": walker.seen - 1,
            "weight": look.weight,
            "stages": self._stages(look, update),
            "facts": facts(walker, ahead, update),
            "told": happening(behind | ahead),
            "pictures": self._pictures(look if shown.ahead else self.look(walker, _without_next(shown), False)),
        }

    def look(self, walker: Walker, shown: Any, guessed: bool, stable: float | None = None) -> Look:
        """All that a picture may be made from. Once guessed, nothing is hidden any more."""
        if shown.quiz and guessed:
            shown = shown.model_copy(update={"quiz": False})
        prepared = walker.prepared
        return Look(
            training=walker.training,
            step=walker.step,
            shown=shown,
            evaluations=walker.evaluations,
            metric=prepared.metric,
            trivial=prepared.trivial,
            branches=walker.branches,
            stable=stable,
            measure=lambda name, **options: self._measure(walker, name, options),
            path_losses=self._losses_of(walker),
            once=partial(self._make_once, walker),
        )

    def _losses_of(self, walker: Walker) -> dict[int, float]:
        key = (walker, walker.revision)
        if self._path_losses[0] != key:
            self._path_losses = key, {}
        return self._path_losses[1]

    def _make_once(self, walker: Walker, name: str, make: Callable[[], Any]) -> Any:
        key = (walker, walker.revision, walker.seen)
        if self._once[0] != key:
            self._once = key, {}
        made = self._once[1]
        return made[name] if name in made else made.setdefault(name, make())

    def _measure(self, walker: Walker, name: str, options: dict[str, Any]) -> Measurement:
        key = (walker, walker.revision, walker.seen, walker.step, name, tuple(sorted(options.items())))
        if key not in self._measured:
            self._measured[key] = measure_on(walker.training, name, **options)
            while len(self._measured) > KEPT:
                self._measured.popitem(last=False)
        return self._measured[key]

    def _update(self, walker: Walker, look: Look) -> Figures:
        """The update that comes next, in full."""
        options = {"step": walker.step + 1, "weight": look.weight, "row": look.shown.row}
        options = {name: value for name, value in options.items() if value is not None}
        return self._measure(walker, "step", options).figures

    def _stages(self, look: Look, update: Figures) -> list[Any]:
        found = stages(look.training, update, look.shown.row)
        if look.shown.quiz:
            found[-1] |= {"said": "Where does this update lead? Guess first.", "lines": [], "table": None, "more": []}
        return found

    def _pictures(self, look: Look) -> Message:
        from fallline.lab.pictures import PICTURES

        found: Message = {}
        for gone in set(self._drawn).difference(look.shown.pictures):  # the page has closed it, data and all
            del self._drawn[gone]
        for name in look.shown.pictures:
            picture = PICTURES.get(name)
            if picture is None or not picture.fits(look):
                continue
            try:
                drawn = picture.look(look)
                options = repr(sorted(drawn.options.items()))
                if self._drawn.get(name) != options:
                    spec = specification(picture.draw(drawn.options))
                    self._send({"say": "picture", "name": name, "title": picture.title, "spec": spec})
                    self._drawn[name], self._sent[name] = options, {}
                known, self._sent[name] = self._sent[name], drawn.data
                fresh = {each: rows for each, rows in drawn.data.items() if not _same(known.get(each), rows)}
                found[name] = {"data": fresh, "params": drawn.params, "summary": drawn.summary, "of": drawn.of}
            except FalllineError as error:
                found[name] = {"data": {}, "params": {}, "summary": str(error)}
            except Exception:  # one picture that fails must not take the others along
                traceback.print_exc(file=sys.stderr)
                found[name] = {"data": {}, "params": {}, "summary": "This picture can't be drawn now."}
        return found


def _without_next(shown: Show) -> Show:
    """As while a guess is asked."""
    return shown.model_copy(update={"quiz": True})


def _same(before: pl.DataFrame | None, rows: pl.DataFrame) -> bool:
    """Whether the page has these rows already: points of a table are not sent again with every update."""
    return before is not None and (before is rows or before.equals(rows))
