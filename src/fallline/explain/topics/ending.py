"""Step 3, the end of training: did it learn or memorise, what stopped it, and was that the right moment?"""

from __future__ import annotations

from fallline.explain.parts import STOPPED
from fallline.explain.topic import Ask, Define, Topic, claim, either, stated
from fallline.measurement import Figures
from fallline.numbers import count, number

STEP, BRANCH = "model", "the end"

MEMORISED = Topic(
    "memorised",
    STEP,
    BRANCH,
    "Did it memorise or learn?",
    (
        claim(
            "better-where-it-trained",
            ("end_loss", "part_loss", "part_words"),
            lambda f: f["part"] == "train" or f["end_loss"] <= f["part_loss"],
            lambda f: (
                f"Its loss is {number(f['end_loss'])} on the training rows and {number(f['part_loss'])} on the "
                f"{count(f['part_rows'])} {f['part_words']}."
                if f["part"] != "train"
                else "All rows were trained on, so that nobody can tell: no row was held out."
            ),
            lambda f: (
                f"Its loss is {number(f['part_loss'])} on the {count(f['part_rows'])} {f['part_words']}, lower than "
                f"the {number(f['end_loss'])} on the training rows: there is no sign of memorising."
            ),
        ),
        Ask("fit", ("memorised", "turned", "more-rows")),
        Define("overfitting"),
    ),
)


def _why(f: Figures) -> str:
    return f"The training stopped after step {count(f['steps'])}, because {STOPPED.get(f['ended'], 'it ended')}."


def _verdict(f: Figures) -> str:
    said = f"The verdict is {f['state']}: {f['why']} {f['next']}"
    return said.strip()


STOPPED_IT = Topic(
    "what-stopped-it",
    STEP,
    BRANCH,
    "What stopped the training, and was that the right moment?",
    (
        stated("stopped", ("ended", "steps"), _why),
        either(
            "kept-the-last",
            ("kept", "steps", "ended"),
            lambda f: f["kept"] == f["steps"],
            lambda f: (
                f"The weights kept are those of the last step, {count(f['kept'])}."
                if not f["average"]
                else f"The weights kept are an average over steps up to the last one, {count(f['kept'])}."
            ),
            lambda f: f"The weights kept are not the last ones, but those of step {count(f['kept'])}.",
        ),
        Ask("fit", ("right-moment",)),
        stated("verdict", ("state", "why"), _verdict),
    ),
)

TOPICS = (MEMORISED, STOPPED_IT)
