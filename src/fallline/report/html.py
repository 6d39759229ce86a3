"""Pieces of a page. Everything that comes from outside passes through `text`, which escapes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from fallline.numbers import count


def text(value: Any) -> str:
    """A value as text that no browser takes for markup.

    >>> text("<b>")
    '&lt;b&gt;'
    """
    return escape(str(value))


def paragraphs(sentences: Iterable[str]) -> str:
    """A paragraph for each sentence that is not empty."""
    return "".join(f"<p>{text(said)}</p>" for said in sentences if said)


def bullets(sentences: Iterable[str]) -> str:
    """A list of sentences, or nothing."""
    items = "".join(f"<li>{text(said)}</li>" for said in sentences if said)
    return f"<ul>{items}</ul>" if items else ""


def folded(title: str, inside: str) -> str:
    """Something small to open on demand; nothing when there is nothing inside."""
    return f'<details class="fold"><summary>{text(title)}</summary>{inside}</details>' if inside else ""


def to_step(first: int, last: int | None = None) -> str:
    """A button that names some steps and takes the page to the first of them."""
    words = f"step {count(first)}" if last in (None, first) else f"steps {count(first)} to {count(last)}"
    return f'<button type="button" class="to-step" data-step="{first}">{text(words)}</button>'


def facts(pairs: Iterable[tuple[str, Any]], *, wide: bool = False) -> str:
    """Names and values, one below the other; `wide` where the values are sentences."""
    rows = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="facts{" wide" if wide else ""}">{rows}</dl>' if rows else ""


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    numbers: Sequence[int] = (),
    groups: Sequence[tuple[str, int]] = (),
) -> str:
    """A table whose first column names the row; `numbers` are the columns set to the right.

    `groups` are titles over the heads, each with the number of columns that it spans.
    """
    side = [' class="number"' if i in numbers else "" for i in range(len(heads))]
    head = "".join(f'<th scope="col"{side[i]}>{text(name)}</th>' for i, name in enumerate(heads))
    over = "".join(
        f'<th scope="colgroup" colspan="{n}">{text(name)}</th>' if name else f'<td colspan="{n}"></td>'
        for name, n in groups
    )
    over = f'<tr class="over">{over}</tr>' if groups else ""
    body = "".join(
        f'<tr><th scope="row">{text(first)}</th>'
        + "".join(f"<td{side[i]}>{text(value)}</td>" for i, value in enumerate(rest, 1))
        + "</tr>"
        for first, *rest in rows
    )
    inside = f"<caption>{text(caption)}</caption><thead>{over}<tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{text(caption)}"><table>{inside}</table></div>'
