"""A question with its choices, and how an answer to it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Question:
    """kind: such as "next step". right: the place of the right choice. shown: what happened, with its figures.

    picture: a curve as one line of text; "" where there is none.
    """

    kind: str
    text: str
    choices: tuple[str, ...]
    right: int
    shown: str
    picture: str = ""

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return dict(vars(self)) | {"choices": list(self.choices)}

    def read(self, answer: str) -> int | None:
        """The place of the choice that an answer means: its number, counted from 1, or its beginning; else None."""
        said = answer.strip().lower()
        if said.isdigit():
            place = int(said) - 1
            return place if 0 <= place < len(self.choices) else None
        named = [place for place, choice in enumerate(self.choices) if choice.lower() == said]
        named = named or [p for p, choice in enumerate(self.choices) if said and choice.lower().startswith(said)]
        return named[0] if len(named) == 1 else None
