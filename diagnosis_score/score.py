"""How good is the diagnosis? Trains every set-up, diagnoses it, and prints precision and recall for each symptom on
both halves, and the share of healthy runs that are accused. `make diagnosis-score`.

    python diagnosis_score/score.py [part of a name] [--half tuning] [--shift 1000] [--jobs 2]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
TO_REACH = 0.9
ACCUSED = 0.05


def examine(number: int, shift: int = 0) -> dict:
    """Train one set-up in a folder of its own and diagnose it. shift: added to every seed, for other tables."""
    from setups import all_setups, rate_of
    from tables import TARGET
    from truth import stands

    import fallline as fl
    from fallline.diagnosis import diagnose

    setup = all_setups()[number]
    setup.seed += shift
    folder = tempfile.mkdtemp()
    began = time.perf_counter()
    try:
        settings = {"seed": setup.seed} | rate_of(setup)
        run = fl.train(setup.frame, TARGET, split="part", runs=folder, name="score", **settings, **setup.options)
        run = fl.open_run(run.path, setup.frame)
        found = diagnose(run)
        ids = set(setup.ids)
        came = stands(setup.check, run) if setup.check else None
        also = set(setup.also)
        if came is False:  # the fault that was meant did not come about: nothing is known of it
            ids, also = set(), also | ids
        return {
            "name": setup.name,
            "table": setup.table,
            "half": setup.half,
            "how": setup.how,
            "settings": {k: v for k, v in settings.items() if k != "seed"} | setup.options,
            "seed": setup.seed,
            "ids": sorted(ids),
            "also": sorted(also),
            "came_about": came,
            "found": [symptom.id for symptom in found.symptoms],
            "checked": found.checked,
            "verdict": run.verdict.state,
            "healthy": not setup.ids,
            "seconds": round(time.perf_counter() - began, 2),
        }
    except Exception as error:
        print(f"{setup.name} failed: {error}", flush=True)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tally(results: list[dict], half: str) -> dict[str, dict]:
    """True and false positives and misses of each symptom; what may or may not be so counts neither way."""
    from fallline.diagnosis.symptoms import ORDER

    scores = {}
    for name in ORDER:
        mine = [r for r in results if r["half"] == half]
        hit = sum(name in r["ids"] and name in r["found"] for r in mine)
        missed = sum(name in r["ids"] and name not in r["found"] for r in mine)
        false = sum(name in r["found"] and name not in r["ids"] and name not in r["also"] for r in mine)
        scores[name] = {
            "setups": hit + missed,
            "found": hit,
            "false": false,
            "recall": hit / (hit + missed) if hit + missed else None,
            "precision": hit / (hit + false) if hit + false else None,
        }
    return scores


def show(results: list[dict]) -> dict:
    """Print the tables; return the summary."""
    summary = {}
    for half in ("tuning", "held out"):
        scores = tally(results, half)
        healthy = [r for r in results if r["half"] == half and r["healthy"]]
        accused = [r for r in healthy if r["found"]]
        print(f"\n{half}: {sum(r['half'] == half for r in results)} set-ups, {len(healthy)} of them healthy")
        print(f"  {'symptom':<22}{'set-ups':>8}{'recall':>9}{'precision':>11}")
        for name, s in scores.items():
            if s["setups"] or s["false"]:
                shown = ["-" if s[k] is None else f"{s[k]:.2f}" for k in ("recall", "precision")]
                low = any(s[k] is not None and s[k] < TO_REACH for k in ("recall", "precision"))
                mark = f"  below {TO_REACH}" if low else ""
                print(f"  {name:<22}{s['setups']:>8}{shown[0]:>9}{shown[1]:>11}{mark}")
        print(f"  healthy runs accused: {len(accused)} of {len(healthy)}")
        summary[half] = {
            "setups": sum(r["half"] == half for r in results),
            "healthy": len(healthy),
            "healthy_accused": len(accused),
            "symptoms": scores,
        }
    return summary


def tell(r: dict) -> None:
    """A line for a set-up where the diagnosis and the label differ, or where the label fell."""
    missed = sorted(set(r["ids"]) - set(r["found"]))
    accused = sorted(set(r["found"]) - set(r["ids"]) - set(r["also"]))
    if missed or accused or r["came_about"] is False:
        unmet = "  (the fault did not come about)" if r["came_about"] is False else ""
        print(f"{r['half']:<9} {r['name']}: missed {missed or '-'}, accused {accused or '-'}{unmet}", flush=True)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("only", nargs="?", default="")
    given.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    given.add_argument("--shift", type=int, default=0, help="added to all seeds: other tables, splits and starts")
    given.add_argument("--half", default="", help="tuning or held out; else both")
    asked = given.parse_args()
    from setups import all_setups

    chosen = [n for n, s in enumerate(all_setups()) if asked.only in s.name and asked.half in ("", s.half)]
    began = time.perf_counter()
    results = []
    with ProcessPoolExecutor(asked.jobs) as pool:
        for result in pool.map(examine, chosen, [asked.shift] * len(chosen)):
            results.append(result)
            tell(result)
    summary = show(results)
    seconds = time.perf_counter() - began
    print(f"\n{len(results)} set-ups in {seconds:.0f} s")
    if not (asked.only or asked.half or asked.shift):
        kept = {"seconds": round(seconds), "halves": summary, "setups": results}
        (HERE / "results.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
