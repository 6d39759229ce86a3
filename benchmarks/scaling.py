"""What many workers gain: measured with two processes here, and what that lets expect of 8, 64 and 512.

`make bench-scaling` measures, prints, and writes benchmarks/scaling.json; docs/scaling.md has the figures. Each side
has one thread a process, pinned to a core of its own; the sides take turns, and the best of each counts, since other
work on the machine can only slow one down.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
SIZES = [10**3, 10**4, 10**5, 10**6, 10**7]  # numbers that are added up over the workers
GRADIENTS = [10**3, 10**4, 10**5, 10**6, 10**7, 10**8]
WORKERS = [2, 8, 64, 512]
STEPS = [("1 ms", 1e-3), ("10 ms", 1e-2), ("100 ms", 1e-1)]
MODELS = [("mlp:64", 784, 4096), ("mlp:256,256", 784, 2048)]  # model, features, batch
SYNCS = [1, 4, 16, 64]  # steps apart
ROUNDS = 8


def pin() -> None:
    """This worker has one core."""
    from fallline.parallel.mesh import joined

    crew = joined()
    assert crew is not None
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[crew.rank % len(cores)]})


def speed(model: str, features: int, batch: int, watch: Any) -> dict[str, float]:
    """Seconds a step, taking its rows included."""
    from jax import block_until_ready

    from fallline.fit import set_up
    from fallline.parallel.apart import here
    from fallline.settings import check, parts_of
    from fallline.survey import Rows

    pin()
    draw, count = np.random.default_rng(0), 4 * batch
    rows = Rows(draw.normal(size=(count, features)).astype("f4"), draw.normal(size=count).astype("f4"), np.ones(count))
    asked = check(model=model, batch=batch, rate=1e-3, stop=None)
    ready = set_up(parts_of(asked, features=features, task="number", classes=0), asked, rows, place=here({}))
    steps, place, best = 3, ready.walk.place, np.inf
    rates = np.full(steps, 1e-3, "f4")
    order = ready.walk.batches.steps(0, steps)
    for _ in range(80):
        began = time.perf_counter()
        after = place.leg(
            ready.parts, ready.state, place.gather(ready.table, order), rates, np.zeros_like(rates), steps, False
        )
        block_until_ready(after)
        best = min(best, (time.perf_counter() - began) / steps)
    return {"step": best, "rows": batch / best}


def sums(watch: Any) -> dict[str, float]:
    """Seconds that adding up so many numbers over the workers takes, inside one compiled loop."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    from fallline.parallel.mesh import AXIS, joined

    pin()
    crew = joined()
    assert crew is not None

    def many(part: jax.Array, times: int) -> jax.Array:
        return jax.lax.fori_loop(0, times, lambda _, a: jax.lax.psum(a, AXIS) / crew.workers, part)

    each = {}
    for size in SIZES:
        times = int(np.clip(10**7 // size, 3, 200))
        loop = jax.jit(
            jax.shard_map(
                lambda a, times=times: many(a, times),
                mesh=crew.mesh,
                in_specs=P(AXIS),
                out_specs=P(AXIS),
                check_vma=False,
            )
        )
        part = jnp.ones((1, size), jnp.float32)
        whole = jax.make_array_from_single_device_arrays(
            (crew.workers, size), NamedSharding(crew.mesh, P(AXIS)), [part]
        )
        best = np.inf
        for _ in range(4):
            began = time.perf_counter()
            jax.block_until_ready(loop(whole))
            best = min(best, (time.perf_counter() - began) / times)
        each[str(size)] = best
    return each


def predicted(latency: float, bandwidth: float, numbers: int, workers: int) -> float:
    """Seconds of a ring's sum: 2 (N - 1) messages in a row, each with one Nth of the numbers (4 bytes each)."""
    return 2 * (workers - 1) * (latency + 4 * numbers / workers / bandwidth)


def line(sums: dict[str, float]) -> tuple[float, float]:
    """Seconds a message and bytes a second, from the smallest and the largest of the measured sums of two workers."""
    latency = sums[str(SIZES[0])] / 2
    return latency, 4 * SIZES[-1] / max(sums[str(SIZES[-1])] - 2 * latency, 1e-9)


def advice(step: float, summing: float) -> str:
    """What to do where a step costs so much, and its sum so much."""
    share = summing / (step + summing)
    if share < 0.2:
        return "as it is"
    larger = int(np.ceil(4 * summing / step))
    if larger <= 16:
        return f"batch x {larger}"
    return f"--sync {larger}" if larger <= 1000 else "one machine"


def table(latency: float, bandwidth: float) -> list[str]:
    """The model's table, in Markdown."""
    out = ["| gradient | workers | sum | " + " | ".join(f"step of {name}" for name, _ in STEPS) + " |"]
    out.append("| ---: | ---: | ---: | " + " | ".join("---" for _ in STEPS) + " |")
    for numbers in GRADIENTS:
        for workers in WORKERS:
            cost = predicted(latency, bandwidth, numbers, workers)
            each = [f"{step / (step + cost):.0%}, {advice(step, cost)}" for _, step in STEPS]
            out.append(f"| {numbers:.0e} | {workers} | {1e3 * cost:.3g} ms | {' | '.join(each)} |")
    return out


def apart() -> dict[str, dict[str, float]]:
    """The loss over all rows that a network ends with when 8 workers go apart for so many steps."""
    import polars as pl

    from fallline.engine import precision
    from fallline.fit import replay
    from fallline.parallel.apart import again
    from fallline.project import parts_for
    from fallline.retrace import ready_to_walk
    from fallline.settings import check
    from fallline.survey import survey
    from fallline.table import prepare_table

    frame = pl.read_csv(HERE.parent / "src" / "fallline" / "examples" / "california_housing.csv.gz")
    found: dict[str, dict[str, float]] = {}
    for rule, rate in (("plain", 0.05), ("adam", 0.003)):
        asked = check(model="mlp:32,32", batch=256, rate=rate, rule=rule, epochs=10, stop=None)
        prepared = prepare_table(frame, "median_house_value", asked)
        parts = parts_for(asked, prepared)
        with precision(32):
            for sync in SYNCS:
                given = {"workers": 8, "sync": sync}
                ready = ready_to_walk(asked, prepared, rate=rate, place=again(given))
                after = replay(ready, ready.horizon)
                found.setdefault(rule, {})[str(sync)] = float(survey(parts, after.parameters, ready.whole)[0])
    return found


def main() -> None:
    """Measure, print, write."""
    import scaling  # so that workers find these functions by the module's name

    from fallline.parallel.launch import launch

    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    cores = os.sched_getaffinity(0)
    found: dict[str, Any] = {"cores": len(cores), "load": os.getloadavg()[0], "models": {}}
    for model, features, batch in MODELS:
        given = {"model": model, "features": features, "batch": batch}
        best = {1: 0.0, 2: 0.0}
        for _ in range(ROUNDS):
            for workers in best:
                os.sched_setaffinity(0, set(sorted(cores)[:workers]))
                best[workers] = max(best[workers], launch(scaling.speed, given, workers)["rows"])
        os.sched_setaffinity(0, cores)
        one, two = best[1], best[2]
        found["models"][model] = given | {"step_ms": 1e3 * batch / one, "one": one, "two": two, "ratio": two / one}
        print(f"{model}, batch {batch}: a step of {1e3 * batch / one:.1f} ms; {one:,.0f} rows/s alone, "
              f"{two:,.0f} with two workers: {two / one:.2f} x", flush=True)  # fmt: skip
    found["apart"] = apart()
    print(found["apart"], flush=True)
    found["sums"] = launch(scaling.sums, {}, 2)
    latency, bandwidth = line(found["sums"])
    found |= {"latency": latency, "bandwidth": bandwidth}
    print("\n".join(table(latency, bandwidth)))
    (HERE / "scaling.json").write_text(json.dumps(found, indent=1) + "\n")
    fill(found)


def fill(found: dict[str, Any]) -> None:
    """Put what was measured into docs/scaling.md, between its marks."""
    page = HERE.parent / "docs" / "scaling.md"
    text = page.read_text()
    for mark, lines in (
        ("measured", measured(found)),
        ("model", table(found["latency"], found["bandwidth"])),
        ("apart", costs(found["apart"])),
    ):
        begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
        head, rest = text.split(begin)
        text = head + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    page.write_text(text)


def measured(found: dict[str, Any]) -> list[str]:
    """What was measured, in Markdown."""
    out = [f"{found['cores']} cores, load {found['load']:.1f} from other work when it began.", ""]
    out += ["| model | batch | a step | one worker | two workers | |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for model, of in found["models"].items():
        figures = f"{of['step_ms']:.1f} ms | {of['one']:,.0f} rows/s | {of['two']:,.0f} rows/s | {of['ratio']:.2f} x"
        out.append(f"| {model} on {of['features']} features | {of['batch']:,} | {figures} |")
    out += ["", "| numbers added up over two workers | time |", "| ---: | ---: |"]
    out += [f"| {int(size):,} | {1e3 * seconds:.3f} ms |" for size, seconds in found["sums"].items()]
    speed = f"{1e3 * found['latency']:.3f} ms a message and {found['bandwidth'] / 1e9:.2f} GB/s"
    return [*out, "", f"The model below takes {speed} from the first and the last of these."]


def costs(apart: dict[str, dict[str, float]]) -> list[str]:
    """What going apart costs in loss, in Markdown."""
    out = [f"| rule | {' | '.join(f'--sync {n}' for n in SYNCS)} |", f"| --- |{' ---: |' * len(SYNCS)}"]
    for rule, each in apart.items():
        first = each[str(SYNCS[0])]
        told = (f"{each[str(n)]:.4f} ({each[str(n)] / first - 1:+.1%})" for n in SYNCS)
        out.append(f"| {rule} | {' | '.join(told)} |")
    return out


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
