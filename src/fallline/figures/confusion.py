"""The confusion matrix: how many held-out rows of each class were predicted as which."""

from __future__ import annotations

import altair as alt
import polars as pl

from fallline.figures.theme import finish, nothing
from fallline.numbers import count, share

MOST = 20  # classes drawn one by one; the rarest beyond them are drawn together
OTHERS = "(all others)"
TITLE = "Confusion matrix"


def draw_confusion(predictions: pl.DataFrame, classes: list[str] | None = None) -> alt.LayerChart:
    """The matrix: actual classes down, predicted across, the number of rows in each cell.

    Args:
        predictions: actual and predicted class labels.
        classes: their order; that of their names when None.
    """
    pairs = predictions.select(pl.col("actual", "predicted").cast(pl.String)).drop_nulls()
    if pairs.is_empty():
        words = "There is no prediction to count."
        return nothing(TITLE, words)
    right = int((pairs["actual"] == pairs["predicted"]).sum())
    pairs, order = _grouped(pairs, [str(name) for name in classes or []])
    cells = _cells(pairs, order)
    words = (
        f"Of {count(pairs.height)} held-out rows, {count(right)} ({share(right / pairs.height)}) were predicted right."
    )
    side = 30 if len(order) > 8 else 56
    return finish(_matrix(cells, order), TITLE, words, height=side * len(order))


def _grouped(pairs: pl.DataFrame, order: list[str]) -> tuple[pl.DataFrame, list[str]]:
    """At most MOST classes, and their order."""
    seen = pairs["actual"].append(pairs["predicted"]).value_counts(sort=True)["actual"].to_list()
    order = order + sorted(set(seen) - set(order))
    if len(order) <= MOST:
        return pairs, order
    kept = [name for name in order if name in set(seen[: MOST - 1])]
    named = pl.when(pl.all().is_in(kept)).then(pl.all()).otherwise(pl.lit(OTHERS))
    return pairs.select(named.name.keep()), [*kept, OTHERS]


def _cells(pairs: pl.DataFrame, order: list[str]) -> pl.DataFrame:
    """A row for each cell: actual, predicted, rows, and share of the actual class."""
    every = pl.DataFrame({"actual": order}).join(pl.DataFrame({"predicted": order}), how="cross")
    cells = every.join(pairs.group_by("actual", "predicted").len("rows"), on=["actual", "predicted"], how="left")
    cells = cells.with_columns(pl.col("rows").fill_null(0).cast(pl.Int64))
    of_class = pl.col("rows").sum().over("actual")
    return cells.with_columns(
        pl.when(of_class > 0).then(pl.col("rows") / of_class).otherwise(0.0).round(4).alias("share")
    )


def _matrix(cells: pl.DataFrame, order: list[str]) -> list[alt.Chart]:
    labels = alt.Axis(labelAngle=0 if sum(map(len, order)) < 40 else -45, labelLimit=110, orient="top", domain=False)
    side = alt.Axis(labelLimit=110, domain=False, ticks=False)
    base = alt.Chart(cells).encode(
        x=alt.X("predicted:N", sort=order, title="predicted", axis=labels, scale=alt.Scale(paddingInner=0.03)),
        y=alt.Y("actual:N", sort=order, title="actual", axis=side, scale=alt.Scale(paddingInner=0.03)),
        tooltip=[
            "actual:N",
            "predicted:N",
            alt.Tooltip("rows:Q", format=",d"),
            alt.Tooltip("share:Q", title="of the actual class", format=".1%"),
        ],
    )
    scale = alt.Scale(domain=[0, 1], range=["#f1f5f9", "#08407e"], interpolate="lab")
    squares = base.mark_rect(aria=False).encode(color=alt.Color("share:Q", scale=scale, legend=None))
    pale = "datum.share > 0.45 ? 'white' : '#1d2329'"
    numbers = base.mark_text(fontSize=11 if len(order) > 8 else 14, aria=False).encode(
        text=alt.Text("rows:Q", format=",d"), color=alt.ColorValue({"expr": pale})
    )
    return [squares, numbers]
