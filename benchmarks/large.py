"""A table larger than memory: bounded memory, and rows a second beside Vowpal Wabbit and scikit-learn.

    python benchmarks/large.py [--rows 1000000] [--memory 100MB] [--out large.json]

The table is made here and removed at the end. Each contender trains a logistic regression in a process of its own.
Rows a second are those of a second pass: for Fallline over its spool of prepared rows, recording included; for Vowpal
Wabbit over its cache; for scikit-learn of a first pass over Parquet, since it has neither. The peers see the first one
or two million rows at most, since their rows a second do not depend on how many follow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TO_REACH = (
    "fallline.peak_memory at most 1.5e9, times_vowpal at least 3, times_sklearn at least 5, network.waited near 0"
)
FEATURES, CHUNK, BATCH = 28, 200_000, 256


def make(folder: Path, rows: int) -> Path:
    """A Parquet file of so many rows: 28 numbers and a class."""
    import pyarrow as pa
    from pyarrow import parquet

    stream = np.random.default_rng(0)
    truth = stream.normal(size=FEATURES)
    writer = None
    for first in range(0, rows, CHUNK):
        features = stream.normal(size=(min(CHUNK, rows - first), FEATURES)).astype(np.float32)
        target = features @ truth + stream.logistic(size=len(features)) > 0
        columns = {f"x{i}": features[:, i] for i in range(FEATURES)} | {"y": target.astype(np.int8)}
        table = pa.table(columns)
        writer = writer or parquet.ParquetWriter(folder / "table.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return folder / "table.parquet"


def network(path: Path, memory: str) -> dict[str, float]:
    """The same of a model whose steps cost more than its rows."""
    return fallline(path, memory, "mlp:32")


def fallline(path: Path, memory: str, model: str = "logistic") -> dict[str, float]:
    """Two epochs, batch 256, as a person would ask for them; the second is timed, and beside it the first."""
    from fallline import project
    from fallline.fit import SetUp

    feeds, seen, began = [], [], time.perf_counter()

    def watch(leg: object) -> None:
        if isinstance(leg, SetUp):
            feeds.append(leg.feed)
        at = 0 if isinstance(leg, SetUp) else leg.end  # pyright: ignore[reportAttributeAccessIssue]
        seen.append((at, time.perf_counter(), sum(feed.waited for feed in feeds)))

    run = project.train(
        str(path), "y", model=model, memory=memory, batch=BATCH, epochs=2, rate=0.1, stop="", validation=0.0, test=0.3,
        runs=path.parent / "runs", watch=watch,
    )  # fmt: skip
    assert "streamed" in run.data, "the table fits into the memory allowed: give more rows or less memory"
    rows, steps = run.data["rows"]["train"], np.array([at for at, _, _ in seen])
    middle = int(np.argmin(np.abs(steps - steps[-1] / 2)))  # legs do not end with epochs
    (at, then, idle), (end, now, idled) = seen[middle], seen[-1]
    return {
        "rows": rows,
        "rows_a_second": rows * 2 * (end - at) / steps[-1] / (now - then),
        "first_epoch_rows_a_second": rows * 2 * at / steps[-1] / (then - seen[0][1]),
        "waited": (idled - idle) / (now - then),
        "before_seconds": seen[0][1] - began,
        "all_seconds": time.perf_counter() - began,
        "accuracy": run.metrics["test"]["accuracy"],
        **{f"shuffle_{k}": v for k, v in run.data.get("streamed", {}).get("shuffle", {}).items()},
    }


def vowpal(path: Path) -> dict[str, float]:
    """The second pass, over the cache; of the first two million rows at most."""
    from pyarrow import parquet
    from vowpalwabbit import pyvw  # pyright: ignore[reportMissingImports]

    text, count = path.parent / "table.vw", 0
    with text.open("w") as out, parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=CHUNK):
            columns = [c.to_numpy(zero_copy_only=False) for c in batch.columns]
            values = np.column_stack(columns[:-1])
            form = " ".join(f"{i}:%.6g" for i in range(FEATURES))
            sign = np.where(columns[-1] > 0, 1, -1)
            out.write("\n".join(f"{s} | " + form % tuple(v) for s, v in zip(sign, values, strict=True)) + "\n")
            count += len(sign)
            if count >= 2_000_000:
                break
    common = f"--loss_function logistic --sgd -b 10 --quiet -d {text} --cache_file {path.parent / 'vw.cache'}"
    entered = time.perf_counter()
    model = pyvw.Workspace(f"{common} --passes 1 --holdout_off")
    model.finish()
    first = time.perf_counter() - entered
    entered = time.perf_counter()
    model = pyvw.Workspace(f"{common} --passes 1 --holdout_off")  # the cache is there now
    model.finish()
    seconds = time.perf_counter() - entered
    return {"rows": count, "rows_a_second": count / seconds, "first_pass_rows_a_second": count / first}


def sklearn(path: Path) -> dict[str, float]:
    """SGDClassifier.partial_fit, fed by pyarrow; on the first million rows at most."""
    from pyarrow import parquet
    from sklearn.linear_model import SGDClassifier

    model, count, entered = SGDClassifier(loss="log_loss"), 0, time.perf_counter()
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH):
            columns = [c.to_numpy(zero_copy_only=False) for c in batch.columns]
            model.partial_fit(np.column_stack(columns[:-1]), columns[-1], classes=[0, 1])
            count += len(columns[-1])
            if count >= 1_000_000:
                break
    seconds = time.perf_counter() - entered
    return {"rows": count, "rows_a_second": count / seconds}


def alone(name: str, path: Path, memory: str, python: str) -> dict[str, float]:
    """A contender in a process of its own, with its peak memory."""
    command = [python, __file__, "--only", name, "--table", str(path), "--memory", memory]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.returncode} | ({"why": done.stderr[-400:]} if done.stderr else {})  # pyright: ignore
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--memory", default="100MB", help="less than the table takes, so that it is streamed")
    asked.add_argument("--only", default="")
    asked.add_argument("--table", type=Path)
    asked.add_argument("--vowpal-python", default=sys.executable, help="a Python that has vowpalwabbit")
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    if given.only:
        memory = (given.memory,) if given.only in ("fallline", "network") else ()
        found = globals()[given.only](given.table, *memory)
        found["peak_memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(found))
        return
    folder = Path(tempfile.mkdtemp(prefix="fallline-large-"))
    try:
        path = make(folder, given.rows)
        known = {"rows": given.rows, "bytes": path.stat().st_size, "cores": os.cpu_count()}
        known["fallline"] = alone("fallline", path, given.memory, sys.executable)
        print(json.dumps(known, indent=1), flush=True)
        known["network"] = alone("network", path, given.memory, sys.executable)
        known["sklearn"] = alone("sklearn", path, given.memory, sys.executable)
        known["vowpal"] = alone("vowpal", path, given.memory, given.vowpal_python)
        for peer in ("sklearn", "vowpal"):
            if "rows_a_second" in known[peer] and "rows_a_second" in known["fallline"]:
                known[f"times_{peer}"] = known["fallline"]["rows_a_second"] / known[peer]["rows_a_second"]
        print(json.dumps(known, indent=1))
        print(f"To reach with --rows 10000000 --memory 1.5GB: {TO_REACH}.")
        if given.out:
            given.out.write_text(json.dumps(known, indent=1) + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
