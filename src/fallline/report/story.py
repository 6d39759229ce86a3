"""The run in time order: chapters, each with its steps, to which the page can be taken."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fallline.explain.explanation import Chapter
from fallline.report.html import facts, folded, text, to_step
from fallline.report.words import sentence, value_words

STEPS = re.compile(r"^steps? [\d,]+( to [\d,]+)?: ", re.IGNORECASE)  # the button says it


def story_section(story: Sequence[Chapter]) -> str:
    """Every chapter with its steps, what happened in them, and the figures in that sentence."""
    chapters = "".join(
        f'<li data-first="{each.first}" data-last="{each.last}">{to_step(each.first, each.last)}'
        f"<div><p>{text(sentence(STEPS.sub('', each.text)))}</p>{folded('Numbers', _figures(each))}</div></li>"
        for each in story
    )
    return f'<ol class="story">{chapters}</ol>'


def _figures(chapter: Chapter) -> str:
    return facts((name.replace("_", " "), value_words(value)) for name, value in chapter.figures.items())
