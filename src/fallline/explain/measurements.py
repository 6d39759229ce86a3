"""What instruments found on a run: read where it was measured before, else measured, and each but once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fallline.catalogue import asked
from fallline.claim import Claim, tell
from fallline.errors import FalllineError
from fallline.explain.topic import Ask, Topic
from fallline.measurement import Figures, Measurement

ALL, HEADLINES, NOTHING = "all", "headlines", "nothing"  # how much is measured
Watch = Callable[[int, int, str], None]  # (which measurement, of how many, its instrument), before it is made


class Measurements:
    """The measurements that some topics ask for."""

    def __init__(self, run: Any, record: Figures, topics: Sequence[Topic], measuring: str, watch: Watch) -> None:
        self._run, self._watch = run, watch
        self._found: dict[Any, Measurement | str | None] = {}
        for ask in (ask for topic in topics for ask in topic.asks if ask.when(record)):
            options = ask.options(record)
            key = _key(ask.instrument, options)
            if key not in self._found:
                self._found[key] = run.measured(ask.instrument, **options)
        wanted = {_key(ask.instrument, ask.options(record)) for ask in _wanted(topics, record, measuring)}
        self._to_do = [key for key, found in self._found.items() if found is None and key in wanted]
        self._done = 0

    def get(self, instrument: str, options: dict[str, Any]) -> Measurement | str:
        """The measurement, or why there is none."""
        key = _key(instrument, options)
        found = self._found[key]
        if found is None and key in self._to_do:
            found = self._found[key] = self._measure(instrument, options)
        return "it was not measured so far." if found is None else found

    def _measure(self, instrument: str, options: dict[str, Any]) -> Measurement | str:
        self._done += 1
        self._watch(self._done, len(self._to_do), instrument)
        try:
            return self._run.measure(instrument, **options)
        except FalllineError as error:
            return " ".join(str(error).split())


def _key(instrument: str, options: dict[str, Any]) -> tuple[Any, ...]:
    return instrument, *sorted(asked(instrument, options).items())


def _wanted(topics: Sequence[Topic], record: Figures, measuring: str) -> Iterator[Ask]:
    for topic in topics:
        if measuring == ALL:
            yield from (ask for ask in topic.asks if ask.when(record))
        elif measuring == HEADLINES:
            first = _first(topic, record)
            yield from [first] if first else []


def _first(topic: Topic, record: Figures) -> Ask | None:
    """What must be measured to say a first sentence; None where the record alone gives one."""
    for part in topic.parts:
        if isinstance(part, Claim) and tell([part], record):
            return None
        if isinstance(part, Ask) and part.when(record):
            return None if tell(part.instead, record) else part
    return None
