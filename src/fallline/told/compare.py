"""What a comparison shows: who settles, who hovers how high, who came first by what count, and whether it was luck."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from fallline.claim import Claim
from fallline.measurement import Figures
from fallline.numbers import count, duration, number
from fallline.told.memory import MEMORY_CLAIMS
from fallline.told.re_add import apart_of

COUNTS = {"to_updates": "updates", "to_rows": "rows seen", "to_seconds": "time"}


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _entries(f: Figures, *names: str) -> list[tuple]:
    """The values with their entries, those left out of which one is not known."""
    rows = zip(f["values"], *(f[name] for name in names), strict=True)
    return [row for row in rows if all(value is not None for value in row)]


def _named(f: Figures, value: str) -> str:
    """batch 32, the rule adam."""
    return value if f["grid"] else f"{f['vary']} {value}"


def _states(f: Figures) -> str:
    rows = list(zip(f["values"], f["states"], f["wobble"], f["steps"], strict=True))

    def of(state: str) -> list[tuple]:
        return [row for row in rows if row[1] == state]

    said = []
    if of("settled"):
        said.append(f"{_who(f, of('settled'))} settled: {_its(of('settled'))} loss hardly moves any more")
    if of("hovers"):
        wobbles = [number(row[2], 2) for row in of("hovers")]
        said.append(
            f"{_who(f, of('hovers'))} hovered: {_its(of('hovers'))} loss went up and down, with a standard deviation "
            f"of {listed(wobbles)}"
        )
    if of("falling"):
        said.append(f"{_who(f, of('falling'))} {_was(of('falling'))} still on the way down")
    if of("rising"):
        said.append(f"{_who(f, of('rising'))} {_was(of('rising'))} on the way up")
    if of("diverged"):
        said.append(f"{_who(f, of('diverged'))} diverged")
    if of("short"):
        steps = listed([count(row[3]) for row in of("short")])
        said.append(f"{_who(f, of('short'))} made too few updates to tell ({steps})")
    return "Over the last fifth of the way: " + "; ".join(said) + "."


def _who(f: Figures, rows: list[tuple]) -> str:
    return f"the trial{'' if len(rows) == 1 else 's'} with {f['vary']} {listed([row[0] for row in rows])}"


def _its(rows: list[tuple]) -> str:
    return "its" if len(rows) == 1 else "their"


def _was(rows: list[tuple]) -> str:
    return "was" if len(rows) == 1 else "were"


def _settles(f: Figures) -> bool | None:
    return None if f["grid"] else "settled" in f["states"]


def _hovering(f: Figures) -> list[tuple[str, int, float]]:
    """value, rows of a batch and height above the floor of those that are no longer on the way, large batches first."""
    rows = _entries(f, "batches", "hover", "states")
    there = [(value, size, hover) for value, size, hover, state in rows if state in ("settled", "hovers")]
    return sorted(there, key=lambda row: -row[1])


def _hover(f: Figures) -> bool | None:
    rows = _hovering(f) if f["vary"] == "batch" else []
    if len(rows) < 2 or len({size for _, size, _ in rows}) < 2:
        return None
    return all(small[2] > large[2] for large, small in pairwise(rows))


def _heights(f: Figures) -> str:
    floor = "the exact answer's" if f["floor_is"] == "exact" else "the lowest loss that any of them saw,"
    each = [f"{number(hover, 3)} with batch {value}" for value, _, hover in _hovering(f)]
    left = len(f["values"]) - len(each)
    rest = f" ({count(left)} of {count(len(f['values']))} had not got there, and is left out.)" if left == 1 else ""
    rest = f" ({count(left)} of {count(len(f['values']))} had not got there, and are left out.)" if left > 1 else rest
    return f"the loss lay on average {listed(each)} above {floor} {number(f['floor'])}.{rest}"


def _firsts(f: Figures) -> dict[str, str]:
    """Who was first at the common level, by each count that is known."""
    found = {}
    for name, words in COUNTS.items():
        rows = _entries(f, name)
        if len(rows) > 1:
            least = min(value for _, value in rows)
            first = [who for who, value in rows if value == least]
            if len(first) == 1:
                found[words] = first[0]
    return found


def _cheapest(f: Figures) -> bool | None:
    firsts = {} if f["grid"] or f["vary"] == "seed" or f["level"] is None else _firsts(f)
    return len(set(firsts.values())) == 1 if len(firsts) == len(COUNTS) else None


def _race(f: Figures) -> str:
    said = []
    for name, words in COUNTS.items():
        written = duration if words == "time" else partial(number, digits=3)
        each = [f"{written(v)} with {who}" for who, v in sorted(_entries(f, name), key=lambda row: row[1])]
        said.append(f"in {words}: {listed(each)}")
    late = [who for who, reached in zip(f["values"], f["to_updates"], strict=True) if reached is None]
    behind = f" Not in the race: {listed(late)}." if late else ""
    each = _entries(f, "us_per_step")
    steps = [f"{number(us, 2)} µs with {who}" for who, us in each]
    steps = [f"{number(each[0][1], 2)} µs"] if len({us for _, us in each}) == 1 else steps
    few = [who for who, condensed in zip(f["values"], f["condensed"], strict=True) if condensed]
    stand = (
        f" (With {listed(few)} a step looks at a few rows that have the same squared loss as all of them.)"
        if few
        else ""
    )
    return f"{'; '.join(said)}.{behind} One update took {listed(steps)}.{stand}"


def _rates(f: Figures) -> str:
    if not f["rates_found"]:
        return ""
    each = [f"{number(rate, 3)} for {who}" for who, rate in _entries(f, "rates")]
    return f" Each had the rate that trials found for it: {listed(each)}."


def _all_finite(f: Figures) -> str:
    steps = sorted(set(f["steps"]))
    made = count(steps[0]) if len(steps) == 1 else f"{count(steps[0])} to {count(steps[-1])}"
    each = f", {count(f['seeds'])} seeds each" if f["seeds"] > 1 and f["vary"] != "seed" else ""
    return f"None of the {count(len(f['values']))} trials diverged in {made} updates{each}."


def _diverged(f: Figures) -> str:
    broke = [_named(f, value) for value, state in zip(f["values"], f["states"], strict=True) if state == "diverged"]
    return (
        f"{count(len(broke))} of {count(len(f['values']))} trials diverged, that is, ended with no finite loss or with "
        f"more than ten times what {'it' if len(broke) == 1 else 'they'} began with: {'; '.join(broke)}."
    )


def _best(f: Figures) -> bool | None:
    ends = sorted(value for _, value in _entries(f, "held"))
    if f["vary"] == "seed" or f["best"] is None or len(ends) < 2 or ends[0] == ends[1]:
        return None
    return f["best_clear"] is not False


def _ranked(f: Figures) -> str:
    rows = sorted(_entries(f, "held"), key=lambda row: row[1])
    part = (
        f"the {count(f['held_rows'])} validation rows" if f["held_rows"] else "the training rows (none were held out)"
    )
    low, high = rows[0][1], rows[1][1]
    least, other = (number(low), number(high)) if number(low) != number(high) else apart_of(low, high)[:2]
    return (
        f"{_named(f, rows[0][0])} ended with the lowest loss on {part}: {least}, before {_named(f, rows[1][0])} with "
        f"{other}"
    )


def _lead(f: Figures) -> str:
    if f["best_clear"]:
        return f"{_ranked(f)}; over {count(f['seeds'])} seeds that is more than luck explains.{_rates(f)}"
    return f"{_ranked(f)}. Each was trained with one seed only, so that this may be luck.{_rates(f)}"


def _no_lead(f: Figures) -> str:
    return f"{_ranked(f)}, but {count(f['seeds'])} seeds differ by as much: no clear winner.{_rates(f)}"


def _schedules(f: Figures) -> tuple[int, int] | None:
    """The places of the constant schedule, and of the other that ended lowest."""
    if f["vary"] != "schedule" or "constant" not in f["values"]:
        return None
    constant = f["values"].index("constant")
    others = [(end, place) for place, end in enumerate(f["end"]) if end is not None and place != constant]
    return (constant, min(others)[1]) if others and f["late"][constant] is not None else None


def _decay_helps(f: Figures) -> bool | None:
    found = _schedules(f)
    if found is None:
        return None
    constant, other = found
    return f["end"][other] < f["late"][constant] - f["wobble"][constant]


def _decayed(f: Figures) -> str:
    found = _schedules(f)
    assert found is not None
    constant, other = found
    return (
        f"With a constant rate of {number(f['rates'][constant], 3)} the loss over all rows was "
        f"{number(f['late'][constant])} on average over the last fifth of {count(f['steps'][constant])} updates, and "
        f"moved by {number(f['wobble'][constant], 2)} (standard deviation); with the schedule {f['values'][other]} "
        f"from the same rate it ended at {number(f['end'][other])}"
    )


CLAIMS = (
    Claim("settles", _settles, _states, lambda f: f"None settled. {_states(f)}"),
    Claim(
        "hover",
        _hover,
        lambda f: f"The smaller the batch, the higher the loss hovers: over the last fifth of the way {_heights(f)}",
        lambda f: f"A smaller batch did not always hover higher here: over the last fifth of the way {_heights(f)}",
    ),
    Claim(
        "cheapest",
        _cheapest,
        lambda f: (
            f"To a loss of {number(f['level'])} the cheapest way was {f['vary']} {_firsts(f)['updates']}, whatever is "
            f"counted; {_race(f)}"
        ),
        lambda f: f"Who came first to a loss of {number(f['level'])} depends on what is counted; {_race(f)}",
    ),
    Claim("all-finite", lambda f: "diverged" not in f["states"], _all_finite, _diverged),
    Claim("best", _best, _lead, _no_lead),
    Claim(
        "decay-helps",
        _decay_helps,
        lambda f: f"{_decayed(f)}: shrinking the rate took the loss below where it hovers.",
        lambda f: f"{_decayed(f)}: no gain beyond what the loss moves by anyway.",
    ),
    *MEMORY_CLAIMS,
)
