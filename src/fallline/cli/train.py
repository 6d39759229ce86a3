"""`fallline train TABLE --target COLUMN`. Its options for settings are made from `settings.Settings`."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from fallline.cli.options import Json, Runs, print_json
from fallline.cli.progress import measuring
from fallline.errors import SettingsError

if TYPE_CHECKING:
    from fallline.diagnosis import Diagnosis
    from fallline.run import Run


def _option(*flags: str, help: str, metavar: str | None = None) -> Any:
    return typer.Option(*flags, metavar=metavar, help=help)


_KIND = "number, category, date or ignore, where the inferred kind is wrong. Repeatable."
_HEADER = "Whether the first row holds names; else inferred."
_TABLE = "CSV (.gz too), Parquet, Arrow or JSON lines; a folder of such; or 'big/*.parquet'."
_MEMORY = "What training may take, such as 1.5GB; auto is half of what is free. Larger tables stay on the disk."
_SPLIT = "A column that says train, validation or test instead."
_CHECKPOINT = "Between checkpoints, from which `fallline resume` goes on."
_WORKERS = "Processes that share the rows of each batch; auto under Slurm, Open MPI or Kubernetes."
RESTARTS = "How often to go on from the last checkpoint after a worker was lost."
_SYNC = "Steps that workers make apart before they average; another model than that of one process."
TIMEOUT = "Without a sign of life for so long, a worker counts as lost."
ENGINE = "Who starts the workers: local for this machine, or ray."
ADDRESS = "Of a Ray cluster; without one Ray is started on this machine, for as long."
DEVICE = "Where to compute: auto, cpu or gpu."
_METRIC = "Final measure: rmse, mae, r2, median_error; accuracy, auc, log_loss, f1, balanced_accuracy."


def train(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="CSV (.gz too), Parquet, Arrow, JSON lines; a folder, or 'big/*.parquet'."
        ),
    ],
    target: Annotated[str, _option(metavar="COLUMN", help="The column to predict.")],
    types: Annotated[list[str] | None, _option("--type", metavar="COLUMN=KIND", help=_KIND)] = None,
    header: Annotated[bool | None, _option("--header/--no-header", help=_HEADER)] = None,
    validation: Annotated[float, _option(help="Part of the rows to validate on.")] = 0.15,
    test: Annotated[float, _option(help="Part of the rows to test on.")] = 0.15,
    split: Annotated[str | None, _option(metavar="COLUMN", help=_SPLIT)] = None,
    weights: Annotated[str | None, _option(metavar="COLUMN", help="A column that says what each row counts.")] = None,
    class_weight: Annotated[str | None, _option(metavar="balanced", help="Make all classes count alike.")] = None,
    metric: Annotated[str, _option(help=_METRIC)] = "auto",
    until: Annotated[int | None, _option(help="Stop after so many updates; schedules still span all.")] = None,
    checkpoint_every: Annotated[float, _option("--checkpoint-every", metavar="SECONDS", help=_CHECKPOINT)] = 30.0,
    workers: Annotated[str, _option(metavar="N", help=_WORKERS)] = "1",
    restarts: Annotated[int, _option(metavar="N", help=RESTARTS)] = 0,
    sync: Annotated[int, _option(metavar="N", help=_SYNC)] = 1,
    worker_timeout: Annotated[float, _option("--worker-timeout", metavar="SECONDS", help=TIMEOUT)] = 60.0,
    engine: Annotated[str, _option(metavar="NAME", help=ENGINE)] = "local",
    address: Annotated[str | None, _option(metavar="HOST:PORT", help=ADDRESS)] = None,
    device: Annotated[str, _option(metavar="KIND", help=DEVICE)] = "auto",
    memory: Annotated[str, _option(metavar="SIZE", help=_MEMORY)] = "auto",
    name: Annotated[str | None, _option(help="What to call the run, after its date.")] = None,
    no_report: Annotated[bool, _option("--no-report", help="Leave report.html out.")] = False,
    runs: Runs = None,
    json: Json = False,
    quiet: Annotated[bool, _option("--quiet", "-q", help="No progress, no summary.")] = False,
    **settings: Any,
) -> None:
    """Train a model to predict one column of a table from the others, and keep every step."""
    from fallline.project import train as train_on
    from fallline.resuming import persevere
    from fallline.settings import check

    check(**settings)
    crew = {
        "workers": int(workers) if workers.isascii() and workers.isdigit() else workers,
        "worker_timeout": worker_timeout,
        "engine": engine,
        "address": address,
    }
    with Progress(shown=not (quiet or json)) as progress:
        start = partial(
            train_on,
            table,
            target,
            runs=runs,
            name=name,
            header=header,
            types=_kinds(types or []),
            validation=validation,
            test=test,
            split=split,
            weights=weights,
            class_weight=class_weight,
            metric=metric,
            until=until,
            checkpoint_every=checkpoint_every,
            sync=sync,
            device=device,
            memory=memory,
            watch=progress.see,
            **crew,
            **settings,
        )
        run = persevere(start, restarts, source=table, watch=progress.see, **crew)
    if workers == "auto":
        from fallline.parallel.mesh import leave

        leave()
    if run is None:  # the first of the workers speaks for all
        return
    tell(run, no_report=no_report, json=json, quiet=quiet)


def tell(run: Run, *, no_report: bool, json: bool, quiet: bool) -> None:
    """Say what became of a run that was just trained, and write its report; end as Ctrl-C does if that stopped it."""
    from fallline.parallel.device import on

    talks = not (quiet or json)
    if talks:
        print("\n".join(run.summary), flush=True)
    with on(run.given.get("device") or "auto"):
        if run.verdict.state != "interrupted":
            found = run.diagnose()
            if talks:
                print(_diagnosed(found, run.name), flush=True)
        if not no_report:
            _report(run, talks)
    if json:
        print_json(run.to_json())
    elif not quiet:
        where = run.path if no_report else run.path / "report.html"
        print(f"Kept in {where}")
    if run.verdict.state == "interrupted":
        raise KeyboardInterrupt


def _diagnosed(found: Diagnosis, run: str) -> str:
    """What the diagnosis found, in a line."""
    if found.healthy:
        return f"Diagnosis: healthy; {len(found.checked)} symptoms were looked for."
    names = ", ".join(symptom.id for symptom in found.symptoms)
    return f"Diagnosis: {names}. Why, and which fix works: fallline diagnose {run} --try"


def _report(run: Run, talks: bool) -> None:
    """Measure what the report tells, and write it; after Ctrl-C with what was measured so far."""
    try:
        much = "nothing" if run.verdict.state == "interrupted" else "all"
        run.report(measuring=much, watch=measuring() if talks else None)
    except KeyboardInterrupt:
        run.report(measuring="nothing")


def command() -> Callable[..., None]:
    """`train` with an option for every setting: name, default and help stand in fields.py alone."""
    from fallline.fields import Settings

    hints = get_type_hints(train, include_extras=True)
    given = inspect.signature(train).parameters.values()
    own = [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in given if p.kind is not p.VAR_KEYWORD]
    asked = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[_type(field.default, name), typer.Option(*_flags(name), help=field.description)],
        )
        for name, field in Settings.model_fields.items()
    ]

    def run(**given: Any) -> None:
        train(**{k: _parsed(k, v) for k, v in given.items()})

    run.__signature__ = inspect.Signature([*own, *asked])  # pyright: ignore[reportFunctionMemberAccess]
    run.__annotations__ = {p.name: p.annotation for p in [*own, *asked]}
    run.__doc__ = train.__doc__
    return run


def _type(default: Any, name: str) -> Any:
    """The type of an option; what may be a number or a word is read as a word first."""
    if name in ("rate", "batch"):
        return str
    if default is None:
        return {"steps": int | None, "seconds": float | None, "clip": float | None}.get(name, str | None)
    return type(default)


def _flags(name: str) -> list[str]:
    return [f"--{name}/--no-{name}"] if name in ("bias", "standardize") else [f"--{name}"]


def _parsed(name: str, value: Any) -> Any:
    """ "0.05" for the rate and "32" for the batch as numbers; words as they are."""
    if name not in ("rate", "batch"):
        return value
    try:
        return (float if name == "rate" else int)(value)
    except ValueError:
        return value


def _kinds(given: list[str]) -> dict[str, str]:
    kinds = {}
    for text in given:
        column, equals, kind = text.rpartition("=")
        if not equals:
            raise SettingsError(f"--type '{text}' names no kind.\nExample: --type zip=category.")
        kinds[column] = kind
    return kinds


class Progress:
    """A bar while training goes on, where there is a terminal; a line now and then where there is none."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self.bar: Any = None
        self.task: Any = None
        self.steps = 0
        self.told = time.monotonic()

    def __enter__(self) -> Progress:
        if self.shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[said]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self.bar.start()
            self.task = self.bar.add_task("Reading", total=None, said="")
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if not self.bar:
            return
        if error:
            self.bar.live.transient = True  # the error is to stand alone
        else:
            done = self.bar.tasks[0].completed
            self.bar.update(self.task, description="Trained", completed=done, total=done)
        self.bar.stop()

    def see(self, seen: Any) -> None:
        """What was set up, or a leg that is done."""
        if hasattr(seen, "horizon"):
            self.steps = seen.horizon
            if self.bar:
                self.bar.update(self.task, description="Training", total=self.steps)
            return
        loss = seen.loss if hasattr(seen, "loss") else float(seen.recorded.loss[-1])
        said = f"step {seen.end:,} of {self.steps:,} at most, loss {loss:.4g}"
        if self.bar:
            self.bar.update(self.task, completed=seen.end, said=said)
        elif self.shown and time.monotonic() - self.told > 5:
            self.told = time.monotonic()
            print(said, file=sys.stderr, flush=True)
