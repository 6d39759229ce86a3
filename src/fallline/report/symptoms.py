"""The diagnosis: what is wrong, with its evidence; what was checked and what was not; the remedies that were tried."""

from __future__ import annotations

from statistics import fmean

from fallline.diagnosis.diagnosis import Diagnosis, Symptom, Tried
from fallline.numbers import count, number
from fallline.report.html import bullets, facts, folded, table, text, to_step
from fallline.report.words import sentence, value_words


def diagnosis_section(found: Diagnosis) -> str:
    """The symptoms, the remedies, and the list of what was checked and what was not."""
    looked, wrong = len(found.checked), len(found.symptoms)
    said = f"Of {count(looked)} things that were looked at, {count(wrong)} {'is' if wrong == 1 else 'are'} wrong."
    if found.healthy:
        said = f"{count(looked)} {'thing was' if looked == 1 else 'things were'} looked at, and nothing is wrong."
    return (
        f'<p class="lead">{text(said)}</p>'
        + "".join(map(_symptom, found.symptoms))
        + _tried(found.tried)
        + folded(f"What was checked ({count(len(found.checked))})", bullets(map(_name, found.checked)))
        + _unchecked(found.not_checked)
    )


def _name(known: str) -> str:
    """A symptom's name as words."""
    return known.replace("-", " ").capitalize()


def _symptom(symptom: Symptom) -> str:
    steps = f"<p>Seen in {to_step(*symptom.steps)}.</p>" if symptom.steps else ""
    evidence = facts((name.replace("_", " "), value_words(value)) for name, value in symptom.evidence.items())
    why = facts([("rule", symptom.rule), ("source", symptom.source)], wide=True)
    return (
        f'<section class="symptom"><h3>{text(_name(symptom.id))}</h3><p>{text(sentence(symptom.text))}</p>{steps}'
        f"<h4>The evidence</h4>{evidence}{why}</section>"
    )


def _tried(tried: list[Tried]) -> str:
    if not tried:
        return ""
    rows = [
        (each.remedy, _mean(each.held_out_loss), _mean(each.control_loss), count(len(each.seeds)), _helped(each))
        for each in tried
    ]
    heads = ("remedy", "held-out loss", "without it", "seeds", "what came of it")
    return "<h3>What was tried</h3>" + table(
        "Each remedy beside an unchanged control: the mean held-out losses", heads, rows, numbers=(1, 2, 3)
    )


def _helped(tried: Tried) -> str:
    return f"{'It helped' if tried.helped else 'It did not help'}: {tried.text}"


def _mean(losses: list[float]) -> str:
    return number(fmean(losses)) if losses else "–"


def _unchecked(why: dict[str, str]) -> str:
    rows = [(_name(name), said) for name, said in why.items()]
    shown = table("What was not checked", ("symptom", "why not"), rows) if rows else ""
    return folded(f"What was not checked, and why ({count(len(rows))})", shown)
