"""A command for each instrument: `fallline curvature RUN`. Its options stand in `catalogue.py` alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from fallline.catalogue import Instrument
from fallline.cli.options import Json, RunName, Runs, Table, print_json
from fallline.errors import SettingsError, StorageError
from fallline.measurement import Measurement

PICTURES = (".html", ".svg", ".png", ".json")
FRAMES = (".csv", ".parquet")
WIDTH = 640  # of a figure, in pixels


def look(
    name: str,
    run: RunName,
    table: Table = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The figure (.html .svg .png .json) or the frame (.csv .parquet)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE if it is there.")] = False,
    runs: Runs = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Measure, say what was found, and write the figure if asked to."""
    if out:
        _check(Path(out), force)
    from fallline.run import Run
    from fallline.trace.evidence import evidence_name
    from fallline.trace.folder import find_run

    found = Run(find_run(run, runs), table)
    measured = found.measure(name, **options)
    if out:
        write(measured, Path(out))
    kept = found.path / "evidence" / f"{evidence_name(name, measured.options)}.parquet"
    if json:
        print_json(measured.to_json() | {"frame": str(kept.resolve())})
        return
    print("\n".join(lines(measured)))
    print(f"\nMeasured in {measured.seconds:.2g} s; the frame is in {kept}" + (f", and here: {out}" if out else ""))


def lines(measured: Measurement) -> list[str]:
    """What was found, in words; an update is spelled out line by line."""
    if measured.instrument == "step":
        from fallline.told.step import step_lines

        return step_lines(measured.figures)
    from fallline.told import told

    return [sentence.text for sentence in told(measured)]


def write(measured: Measurement, path: Path) -> None:
    """The figure or the frame, by the ending of the path; whole or not at all. Raises StorageError."""
    from fallline.trace.folder import write_whole

    if path.suffix in FRAMES:
        frame = measured.frame
        write_whole(path, frame.write_csv if path.suffix == ".csv" else frame.write_parquet)
        return
    import altair as alt

    from fallline.figures.measured import draw_measurement

    drawn, kind = draw_measurement(measured), path.suffix[1:]
    if not drawn:
        raise SettingsError(f"{measured.instrument} has no figure.\nName a .csv or .parquet for its frame.")
    chart = drawn[0]
    if not isinstance(chart, alt.VConcatChart | alt.HConcatChart):  # parts of those have widths of their own
        chart = chart.properties(width=WIDTH)
    how: Any = {"png": {"scale_factor": 2}, "html": {"inline": True}}.get(kind, {})  # a page opens offline
    write_whole(path, lambda beside: chart.save(str(beside), **(how | {"format": kind})))


def _check(path: Path, force: bool) -> None:
    if path.suffix not in PICTURES + FRAMES:
        raise SettingsError(
            f"'{path}' ends in neither {', '.join(PICTURES)} nor {', '.join(FRAMES)}.\n"
            "The ending says whether the figure or the frame is written, and how."
        )
    if path.exists() and not force:
        raise StorageError(f"{path} is there already.\nGive another name, or --force to overwrite it.")


def command(instrument: Instrument) -> Callable[..., None]:
    """The command of an instrument, with its own options between the run and the options that all have."""
    shared = list(inspect.signature(look, eval_str=True).parameters.values())[1:-1]
    own = [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=option.default,
            annotation=Annotated[
                option.kind if option.default is not None else option.kind | None,
                typer.Option(f"--{option.name}", help=option.help),
            ],
        )
        for option in instrument.options
    ]

    def run(**given: Any) -> None:
        look(instrument.name, **given)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [shared[0], *own, *shared[1:]]]
    run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = instrument.asks
    return run
