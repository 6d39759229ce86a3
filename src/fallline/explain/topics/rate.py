"""Step 3, the learning rate: what it does, how it differs from memory, and why it is shrunk."""

from __future__ import annotations

from fallline.explain.topic import Ask, Define, Topic, claim, either, stated
from fallline.explain.topics import costs
from fallline.measurement import Figures
from fallline.numbers import count, number

STEP, BRANCH = "model", "the learning rate"


def _chosen(f: Figures) -> str:
    said = (
        f"The rate {number(f['rate'])} was chosen by {count(f['tried'])} short trials with rates from "
        f"{number(f['tried_low'])} to {number(f['tried_high'])}"
    )
    return said + (f"; {count(f['tried_broke'])} of them ended above the start." if f["tried_broke"] else ".")


def _own_rate(f: Figures) -> bool:
    return f["rate"] is not None and f["tried"] is None


RATE = Topic(
    "learning-rate",
    STEP,
    BRANCH,
    "What does the learning rate do?",
    (
        Define("rate"),
        stated("rate-chosen", ("rate", "tried", "tried_low", "tried_high"), _chosen),
        stated(
            "rate-given",
            ("rate",),
            lambda f: f"The rate {number(f['rate'])} was given rather than searched for." if _own_rate(f) else "",
        ),
        claim(
            "small-is-slow",
            ("tried_low", "tried_smallest_loss", "tried_chosen_loss", "rate"),
            lambda f: f["tried_smallest_loss"] > f["tried_chosen_loss"],
            lambda f: (
                f"Too small a rate hardly moves in the same time: the trial with {number(f['tried_low'])} ended at a "
                f"loss of {number(f['tried_smallest_loss'])}, that with {number(f['rate'])} at "
                f"{number(f['tried_chosen_loss'])}."
            ),
            lambda f: (
                f"The smallest rate that was tried, {number(f['tried_low'])}, ended at a loss of "
                f"{number(f['tried_smallest_loss'])}, which is no worse than the {number(f['tried_chosen_loss'])} of "
                f"the rate chosen, {number(f['rate'])}."
            ),
        ),
        either(
            "large-diverges",
            ("tried", "tried_high"),
            lambda f: f["tried_broke"] > 0,
            lambda f: (
                "Too large a rate makes the loss larger: the smallest rate that ended above the start, or diverged, is "
                f"{number(f['tried_lowest_broke'])}."
            ),
            lambda f: f"None of the rates that were tried ended above the start, up to {number(f['tried_high'])}.",
        ),
        Ask("curvature", ("stable-rate", "valley-floor")),
        Ask("rate-range", ("bracket", "run-inside", "below-stable-limit", "validated"), costs.rate_range),
    ),
)

MEMORY = Topic(
    "rate-against-memory",
    STEP,
    BRANCH,
    "How is the rate different from how strongly new information counts against old?",
    (
        Define("rate"),
        Define("momentum"),
        either(
            "no-memory",
            ("rule", "rule_words"),
            lambda f: f["rule"] == "plain" and f["average"] is None,
            lambda f: (
                "This run's rule has no memory: each step goes by its own batch alone, and the rate only says how far."
            ),
            lambda f: (
                f"This run has a memory: {f['rule_words']}"
                + (f"; and its weights are averaged ({f['average']})." if f["average"] else ".")
                if f["rule"] != "plain"
                else f"This run has a memory: its weights are averaged ({f['average']})."
            ),
        ),
        Ask(
            "compare",
            ("rate-against-memory", "memory-helps", "all-finite"),
            costs.rates_and_memory,
            when=lambda f: f["rate"] is not None,
        ),
    ),
)

SCHEDULES = Topic(
    "schedules",
    STEP,
    BRANCH,
    "Why shrink the rate over time, and what would a constant one have done?",
    (
        Define("schedule"),
        either(
            "rate-shrank",
            ("first_rate", "last_rate"),
            lambda f: f["last_rate"] < 0.99 * f["most_rate"],
            lambda f: (
                f"In this run the rate went down from {number(f['most_rate'])} at most to {number(f['last_rate'])} in "
                "the end."
            ),
            lambda f: (
                f"In this run the rate did not shrink: it was {number(f['last_rate'])} in the end and "
                f"{number(f['first_rate'])} in the beginning."
            ),
        ),
        Ask("compare", ("decay-helps", "settles"), costs.schedules),
    ),
)

TOPICS = (RATE, MEMORY, SCHEDULES)
