"""`fallline quiz RUN`: say what a step will do before you are shown; the score is kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.options import Json, RunName, Runs, print_json
from fallline.errors import SettingsError

if TYPE_CHECKING:
    from fallline.explain.question import Question


def quiz(
    run: RunName,
    questions: Annotated[int, typer.Option(min=1, metavar="N", help="How many are asked.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the steps that are asked about.")] = 0,
    answers: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Your answers, rather than asking for them: 1,2,up")
    ] = None,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Ask what steps will do, take the answers, show what happened, and keep score."""
    from fallline.explain.quiz import questions as make
    from fallline.run import Run
    from fallline.trace.folder import find_run

    found = Run(find_run(run, runs))
    asked = make(found, seed, questions)
    given = None if answers is None else [answer.strip() for answer in answers.split(",")]
    for question, answer in zip(asked, given or [], strict=False):
        if question.read(answer) is None:
            raise SettingsError(f"'{answer}' is no answer to: {question.text}\nIt is one of: {_choices(question)}.")
    if json:
        read = [question.read(answer) for question, answer in zip(asked, given or [], strict=False)]
        right = sum(place == question.right for place, question in zip(read, asked, strict=False))
        print_json({"questions": [q.to_json() for q in asked], "answers": read, "right": right, "answered": len(read)})
        return
    if not asked:
        print("The record of this run gives nothing to ask.")
        return
    _play(asked, iter(given) if given is not None else _lines())


def _play(asked: list[Question], answers: Iterator[str]) -> None:
    right = answered = 0
    try:
        for place, question in enumerate(asked, 1):
            print("\n".join(["", f"Question {place} of {len(asked)}: {question.text}", *_picture(question)]))
            for number, choice in enumerate(question.choices, 1):
                print(f"  {number}  {choice}")
            chosen = _answer(question, answers)
            if chosen is None:
                break
            answered += 1
            right += chosen == question.right
            said = "Right." if chosen == question.right else f"No: {question.choices[question.right]}."
            print(f"{said} {question.shown}\nScore: {right} of {answered}")
    except KeyboardInterrupt:
        print()
        _end(right, answered)
        raise
    _end(right, answered)


def _end(right: int, answered: int) -> None:
    print(f"\nYour score: {right} of {answered} right." if answered else "\nNo question was answered.", flush=True)


def _picture(question: Question) -> list[str]:
    return [f"  {question.picture}"] if question.picture else []


def _answer(question: Question, answers: Iterator[str]) -> int | None:
    """The choice that was made; None when there are no more answers."""
    while True:
        print("> ", end="", flush=True)
        answer = next(answers, None)
        if answer is None:
            print()
            return None
        chosen = question.read(answer)
        if not sys.stdin.isatty():
            print(answer.strip())
        if chosen is not None:
            return chosen
        print(f"Please answer with a number from 1 to {len(question.choices)}.")


def _lines() -> Iterator[str]:
    while line := sys.stdin.readline():
        yield line


def _choices(question: Question) -> str:
    return "; ".join(f"{place} ({choice})" for place, choice in enumerate(question.choices, 1))
