"""Explanations of a run: each topic's words, claims and measurements become an answer that follows the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fallline.catalogue import command
from fallline.claim import Claim, Sentence, tell
from fallline.diagnosis.diagnosis import Diagnosis
from fallline.errors import SettingsError, unknown
from fallline.explain.explanation import Explanation
from fallline.explain.facts import facts
from fallline.explain.glossary import define
from fallline.explain.measurements import ALL, Measurements, Watch
from fallline.explain.topic import Define, Topic
from fallline.explain.topics import TOPICS
from fallline.measurement import Figures, Measurement
from fallline.told import told

DATA_SYMPTOMS = (  # of a diagnosis, that are matters of the table
    "badly-scaled",
    "constant-feature",
    "duplicate-feature",
    "leaking-feature",
    "class-imbalance",
    "target-scale",
    "unlearnable",
)


def explain(run: Any, names: Sequence[str] | None = None, **how: Any) -> list[Explanation]:
    """How this run's model learned, in the order in which a newcomer asks.

    Args:
        run: anything that has what a run has: its record, `measured` and `measure`.
        names: of explanations; all when None.
        how: see `explanations`.

    Raises: SettingsError for a name that does not exist.
    """
    return list(explanations(run, names, **how))


def explanations(
    run: Any,
    names: Sequence[str] | None = None,
    *,
    measuring: str = ALL,
    diagnosis: Diagnosis | None = None,
    watch: Watch = lambda which, of, instrument: None,
) -> Iterator[Explanation]:
    """The same one by one, each as soon as it is known. What is measured is kept with the run, and measured once.

    Args:
        measuring: "all"; or "headlines", what each first sentence needs, the rest being read where it was measured
            before; or "nothing".
        diagnosis: what was found wrong with the run, when that was looked for; its findings on the table are told.
        watch: told of each measurement before it is made.
    """
    topics = chosen(names)
    record = facts(run)
    measurements = Measurements(run, record, topics, measuring, watch)
    for topic in topics:
        yield _explanation(topic, record, measurements, diagnosis)


def chosen(names: Sequence[str] | None) -> list[Topic]:
    """The topics of these names, in the order of the tree. Raises SettingsError."""
    known = {topic.name for topic in TOPICS}
    for name in names or ():
        if name not in known:
            said = unknown("explanation", name, [topic.name for topic in TOPICS]).partition(" Known:")[0]
            raise SettingsError(f"{said}\nAll names stand in the tree that `fallline explain RUN` prints.")
    return [topic for topic in TOPICS if names is None or topic.name in names]


def _explanation(topic: Topic, record: Figures, measurements: Measurements, diagnosis: Diagnosis | None) -> Explanation:
    answer: list[Sentence] = []
    evidence: dict[int, Measurement] = {}
    commands: list[str] = []
    missing: dict[str, list[str]] = {}  # instruments by the reason
    for part in topic.parts:
        if isinstance(part, Define):
            answer.append(Sentence(f"word:{part.word}", define(part.word, record), True))
        elif isinstance(part, Claim):
            answer += tell([part], record)
        elif part.when(record):
            options = part.options(record)
            commands.append(command(record["run"], part.instrument, options))
            found = measurements.get(part.instrument, options)
            if isinstance(found, Measurement):
                evidence[id(found)] = found
                answer += tell(part.own, found.figures)
                answer += told(found, *part.claims) if part.claims else []
            else:
                missing.setdefault(found, []).append(part.instrument)
                answer += tell(part.instead, record)
    if topic.name == "looks-wrong" and diagnosis is not None:
        answer += [
            Sentence(f"diagnosis:{symptom.id}", symptom.text, True)
            for symptom in diagnosis.symptoms
            if symptom.id in DATA_SYMPTOMS
        ]
    return Explanation(
        topic.name,
        topic.step,
        topic.branch,
        topic.question,
        tuple(answer),
        tuple(evidence.values()),
        tuple(dict.fromkeys(commands)),
        " ".join(f"{' and '.join(dict.fromkeys(names))}: {why}" for why, names in missing.items()),
    )


def headline(explanation: Explanation) -> str:
    """The first sentence that is about this run, rather than about a word; what is missing when there is none."""
    for sentence in explanation.answer:
        if not sentence.claim.startswith("word:"):
            return sentence.text
    words = [sentence.text for sentence in explanation.answer]
    return (words[0] if words else "") or f"Not known: {explanation.missing}"
