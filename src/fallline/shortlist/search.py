"""From shortlisting to fine-tuning to the one look at the test rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fallline.data import read_table
from fallline.engine import precision
from fallline.errors import DataError, SettingsError
from fallline.fields import Settings
from fallline.numbers import count, number
from fallline.project import train
from fallline.run import Run
from fallline.settings import check, hidden_of
from fallline.shortlist.candidate import BATCH, Candidate, described, ground, held_batch, references, walk
from fallline.shortlist.tuning import LEFT, TUNED, all_variants, halve, ranked
from fallline.shortlist.winner import Won, choose
from fallline.table import Table, prepare_table
from fallline.training import Training
from fallline.types import Batch
from fallline.words import measure

NETWORKS = ("mlp:8", "mlp:32", "mlp:64,64")
LINEAR = {"Squared": "linear", "LogLoss": "logistic", "SoftmaxLoss": "softmax"}
STEPS = 500  # of each candidate at first; twice as many each round
ONE_LAYER = 4  # times as many steps for a model of one layer: they cost next to nothing
SECONDS = 45.0  # after which no further candidate is begun
FREE = ("loss", "activation", "bias", "standardize", "precision", "seed")  # settings that all candidates share


class Look(NamedTuple):
    """How far the search is: `done` of `total` candidates of this round."""

    round: int
    done: int
    total: int
    said: str


@dataclass
class Shortlist:
    """What is known: complete, or what was known when it was stopped."""

    candidates: list[Candidate] = field(default_factory=list)  # each as of the last round that it took part in
    references: list[Candidate] = field(default_factory=list)  # the trivial predictor and the exact answer
    winner: Candidate | None = None
    why: list[str] = field(default_factory=list)
    run: Run | None = None  # the winner, trained
    metric: str | None = None
    stopped: str | None = None  # "interrupted" by Ctrl-C, or "seconds"

    @property
    def test(self) -> dict[str, float]:
        """The winner's loss and measures on the test rows, opened once; {} where there are none or it was stopped."""
        return {} if self.run is None else self.run.metrics.get("test", {})

    def to_json(self) -> dict[str, Any]:
        """All of it but the rows' losses."""
        return {
            "candidates": [c.to_json() for c in [*self.references, *ranked(self.candidates)]],
            "winner": None if self.winner is None else self.winner.to_json(),
            "why": " ".join(self.why),
            "test": self.test,
            "run": None if self.run is None else str(self.run.path),
            "stopped": self.stopped,
        }


def shortlist(
    source: Any,
    target: str,
    *,
    seconds: float | None = SECONDS,
    seeds: int = 3,
    runs: str | Path | None = None,
    name: str | None = None,
    header: bool | None = None,
    types: Mapping[str, str] | None = None,
    validation: float = 0.15,
    test: float = 0.15,
    split: str | None = None,
    weights: str | None = None,
    class_weight: str | Mapping[Any, float] | None = None,
    metric: str = "auto",
    watch: Callable[[Look], None] = lambda look: None,
    **settings: Any,
) -> Shortlist:
    """Compare models, fine-tune the best, train the winner as a run, and open the test rows once, for it alone.

    A trivial predictor, the exact answer where there is one, a linear model and networks of several sizes are compared
    on the validation rows, each at a rate found by trial runs. Variants of the best two compete by successive halving.

    Args:
        source, target, runs, name, header, types, validation, test, split, weights, class_weight, metric: as in
            `fallline.train`.
        seconds: after which no further candidate is begun; None for no such bound. Without it the outcome depends on
            nothing but the data, the settings and the seed.
        seeds: random starts and orders of the batches of each candidate.
        watch: sees how far it is.
        settings: what all candidates share: loss, activation, bias, standardize, precision, seed.

    Raises: DataError, SettingsError, StorageError.
    """
    for given in settings:
        if given not in FREE:
            raise SettingsError(f"shortlist chooses {given} itself, or does not know it.\nIt takes {', '.join(FREE)}.")
    if seeds < 1:
        raise SettingsError(f"seeds is {seeds}, but each candidate needs at least 1.\nGive 3, or more.")
    if seconds is not None and not seconds > 0:
        raise SettingsError(f"seconds is {seconds:g}, but a time must be above 0.\nGive 45, or more.")
    asked = check(**settings, rule="adam", schedule="cosine", stop=None)
    given = {"types": types, "validation": validation, "test": test, "class_weight": class_weight}
    frame = read_table(source, header=header)
    table = prepare_table(frame, target, asked, split_column=split, weight_column=weights, **given)
    if not len(table.split.validation):
        raise DataError("There are no validation rows to compare on.\nGive --validation 0.15.")
    found = Shortlist()
    with precision(asked.precision):
        _search(found, table, asked, range(asked.seed, asked.seed + seeds), seconds, watch)
    if found.winner is None or found.stopped == "interrupted":
        return found
    given |= {"header": header, "split": split, "weights": weights, "metric": metric}
    _train(found, source, target, asked, {"runs": runs, "name": name} | given)
    return found


def _search(found: Shortlist, table: Table, asked: Settings, seeds: range, seconds: float | None, watch) -> None:
    """Fill in candidates, winner and why; also when it is stopped."""
    began = time.monotonic()
    latest: dict[tuple, Candidate] = {}
    try:
        base = asked.model_copy(update={"batch": min(BATCH, len(table.split.train))})
        training = ground(table, base)
        held = held_batch(table, training)
        found.references = references(training, held)
        linear = LINEAR.get(type(training.parts.loss).__name__, "auto")
        models = [_candidate(base, model, tuple(seeds)) for model in (linear, *NETWORKS)]
        follow = _Follow(training, held, latest, watch, None if seconds is None else began + seconds)
        follow.total = len(models)
        first = ranked([follow(each, STEPS, 0) for each in models])
        tuned = all_variants([c for c in first if c.mean < float("inf")][:TUNED])
        follow.done, follow.total = 0, len(tuned)
        for each in halve(tuned, STEPS, follow) if tuned else ():
            follow.done, follow.total = 0, max(LEFT, len(each) // 2)
    except KeyboardInterrupt:
        found.stopped = "interrupted"
    except _TimeIsUpError:
        found.stopped = "seconds"
    found.candidates = list(latest.values())
    won = choose(found.candidates, found.references)
    if won is not None:
        found.winner, found.why = won.winner, [*won.why, *_caution(won, found)]


def _candidate(base: Settings, model: str, seeds: tuple[int, ...]) -> Candidate:
    settings = base.model_copy(update={"model": model})
    return Candidate(model, settings, None, seeds, (), np.zeros(0), 0, 0, 0)


class _TimeIsUpError(Exception):
    """The seconds that were given are over."""


@dataclass
class _Follow:
    """Walks candidates, keeps what is known of each, tells how far it is, and stops when time is up."""

    training: Training
    held: Batch
    latest: dict[tuple, Candidate]
    watch: Callable[[Look], None]
    until: float | None
    done: int = 0
    total: int = 0

    def __call__(self, candidate: Candidate, steps: int, round: int) -> Candidate:
        if self.until is not None and self.latest and time.monotonic() > self.until:
            raise _TimeIsUpError
        settings: Any = candidate.settings
        budget = steps if hidden_of(settings) else ONE_LAYER * steps
        after = walk(self.training, candidate, self.held, budget, round)
        after = after if after.words else _worded(after)
        self.latest[after.model, after.rate, settings.schedule, settings.l2] = after
        self.done += 1
        self.watch(Look(round, self.done, self.total, f"{after.name}: validation loss {number(after.mean)}"))
        return after


def _worded(candidate: Candidate) -> Candidate:
    return replace(candidate, words=described(candidate.settings, candidate.rate))  # pyright: ignore[reportArgumentType]


def _caution(won: Won, found: Shortlist) -> list[str]:
    tried = len(found.candidates)
    said = [
        f"It was chosen among {count(tried)} candidates by these rows, which makes its loss on them look a little too "
        "good; the test rows took no part."
    ]
    if found.stopped:
        how = "Ctrl-C" if found.stopped == "interrupted" else "the seconds that were given"
        said.append(f"The search was ended by {how} before all rounds were done: this is what was known by then.")
    return said


def _train(found: Shortlist, source: Any, target: str, asked: Settings, given: dict[str, Any]) -> None:
    """The winner as an ordinary run, with the settings, the seed and the steps that it won with."""
    winner: Any = found.winner
    shared = {name: getattr(asked, name) for name in FREE}
    own = {name: getattr(winner.settings, name) for name in ("rule", "schedule", "l2", "batch")}
    found.run = train(
        source,
        target,
        model=winner.model,
        rate=winner.rate,
        steps=winner.steps,
        stop=None,
        **given,
        **shared,
        **own,
    )
    found.metric = found.run.metric
    if found.run.verdict.state == "interrupted":
        found.stopped = "interrupted"
    if found.test:
        value, rows = measure(found.metric, found.test[found.metric]), count(found.run.data["rows"]["test"])
        found.why.append(
            f"The {rows} test rows were opened once, for the winner: {value}, and a loss "
            f"of {number(found.test['loss'])}."
        )
