"""`fallline shortlist TABLE --target COLUMN`: compare models, fine-tune the best, train the winner as a run."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from fallline.cli.options import Json, Runs, print_json


def _option(*flags: str, help: str, metavar: str | None = None) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help)


_KIND = "number, category, date or ignore, where the inferred kind is wrong. Repeatable."
_METRIC = "Final measure: rmse, mae, r2, median_error; accuracy, auc, log_loss, f1, balanced_accuracy."
_LOSS = "squared, absolute, huber:DELTA, quantile:Q, log, hinge, poisson"


def shortlist(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="CSV (.gz too), Parquet, Arrow or JSON lines.")],
    target: Annotated[str, _option(metavar="COLUMN", help="The column to predict.")],
    seconds: Annotated[float, _option(help="After which no further candidate is begun.")] = 45.0,
    seeds: Annotated[int, _option(help="Random starts of each candidate.")] = 3,
    types: Annotated[list[str] | None, _option("--type", metavar="COLUMN=KIND", help=_KIND)] = None,
    header: Annotated[
        bool | None, _option("--header/--no-header", help="Whether the first row holds names; else inferred.")
    ] = None,
    validation: Annotated[float, _option(help="Part of the rows to compare on.")] = 0.15,
    test: Annotated[float, _option(help="Part of the rows that the winner is tested on at the end.")] = 0.15,
    split: Annotated[
        str | None, _option(metavar="COLUMN", help="A column that says train, validation or test instead.")
    ] = None,
    weights: Annotated[str | None, _option(metavar="COLUMN", help="A column that says what each row counts.")] = None,
    class_weight: Annotated[str | None, _option(metavar="balanced", help="Make all classes count alike.")] = None,
    metric: Annotated[str, _option(help=_METRIC)] = "auto",
    loss: Annotated[str, _option(help=_LOSS)] = "auto",
    seed: Annotated[int, _option(help="Of the split, the start weights and the order of the rows.")] = 0,
    name: Annotated[str | None, _option(help="What to call the winner's run, after its date.")] = None,
    no_report: Annotated[bool, _option("--no-report", help="Leave report.html out.")] = False,
    runs: Runs = None,
    json: Json = False,
    quiet: Annotated[bool, _option("--quiet", "-q", help="No progress, no table.")] = False,
) -> None:
    """Step 3 of a project whole: compare models, fine-tune the best, train the winner, test it once."""
    from fallline.cli.train import _kinds
    from fallline.shortlist import shortlist as search

    with _Progress(shown=not (quiet or json)) as progress:
        found = search(
            table,
            target,
            seconds=seconds,
            seeds=seeds,
            types=_kinds(types or []),
            header=header,
            validation=validation,
            test=test,
            split=split,
            weights=weights,
            class_weight=class_weight,
            metric=metric,
            loss=loss,
            seed=seed,
            name=name,
            runs=runs,
            watch=progress.see,
        )
    if found.run is not None and not no_report:
        found.run.report()
    if json:
        print_json(found.to_json())
    elif not quiet:
        _print(found)
        if found.run is not None:
            print(f"Kept in {found.run.path if no_report else found.run.path / 'report.html'}")
    if found.stopped == "interrupted":
        raise KeyboardInterrupt


def _print(found: Any) -> None:
    """The table of candidates, the best first, and the sentences."""
    from fallline.numbers import count, number
    from fallline.shortlist.tuning import ranked

    rows: list[tuple[str, ...]] = [("model", "validation loss", "spread", "round", "steps", "parameters")]
    for each in [*ranked(found.candidates), *found.references]:
        spread = "" if each.spread is None else f"± {number(each.spread, 2)}"
        done = ("", "") if each.settings is None else (str(each.round), count(each.steps))
        mark = "* " if each is found.winner else "  "
        rows.append((mark + each.name, number(each.mean), spread, *done, count(each.parameters)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print(
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            sep="  ",
        )
    print()
    print("\n".join(found.why) or "No candidate was judged before it was stopped.")


class _Progress:
    """A bar where there is a terminal; a line for each round, and now and then, where there is none."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self.bar: Any = None
        self.task: Any = None
        self.told = time.monotonic()

    def __enter__(self) -> _Progress:
        if self.shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}")
            self.bar = Progress(*columns, console=Console(stderr=True))
            self.bar.start()
            self.task = self.bar.add_task("Reading", total=None, said="")
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if not self.bar:
            return
        if error:
            self.bar.live.transient = True  # the error is to stand alone
        self.bar.stop()

    def see(self, look: Any) -> None:
        """A candidate that was walked."""
        about = "Comparing models" if look.round == 0 else f"Fine-tuning, round {look.round}"
        if self.bar:
            self.bar.update(self.task, description=about, completed=look.done, total=look.total, said=look.said)
        elif self.shown and (look.done == look.total or time.monotonic() - self.told > 5):
            self.told = time.monotonic()
            print(f"{about}, {look.done} of {look.total}: {look.said}", file=sys.stderr, flush=True)
