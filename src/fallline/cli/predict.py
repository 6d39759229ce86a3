"""`fallline predict RUN TABLE`: predictions for new rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.options import Json, RunName, Runs, print_json
from fallline.errors import SettingsError, StorageError


def predict(
    run: RunName,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="New rows: CSV, Parquet, Arrow or JSON lines.")],
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FILE", help="A .csv or .parquet file; else CSV to standard output."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE if it is there.")] = False,
    runs: Runs = None,
    json: Json = False,
) -> None:
    """Predict new rows, in the target's own units."""
    path = Path(out) if out else None
    if path and path.suffix not in (".csv", ".parquet"):
        raise SettingsError(f"{path} is neither .csv nor .parquet.\nGive --out a name that ends in one of them.")
    if path and path.exists() and not force:
        raise StorageError(f"{path} is there already.\nGive another name, or --force to overwrite it.")
    from fallline.run import Run
    from fallline.trace.folder import find_run, write_whole

    found = Run(find_run(run, runs))
    predictions = found.predict(table)
    if path is None:
        if json:
            print_json(predictions.to_dicts())
        else:
            sys.stdout.write(predictions.write_csv())
        return
    write = predictions.write_csv if path.suffix == ".csv" else predictions.write_parquet
    write_whole(path, write)
    if json:
        print_json({"predictions": str(path.resolve()), "rows": len(predictions), "run": str(found.path.resolve())})
    else:
        print(f"{len(predictions):,} predictions by {found.name} in {path}")
