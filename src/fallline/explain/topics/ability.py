"""Step 3, what the model is able to hold: is it strong enough, and what becomes of it outside its data?"""

from __future__ import annotations

from fallline.explain.topic import Ask, Define, Topic, either, stated
from fallline.explain.topics import costs
from fallline.measurement import Figures
from fallline.numbers import count

STEP, BRANCH = "model", "what it can hold"


def _straight(f: Figures) -> str:
    model = f["model_words"].capitalize()
    if f["classes"]:
        return (
            f"{model} scores a class by adding up each feature times one weight: a score that is no such sum it can't "
            "give, however long it is trained."
        )
    return (
        f"{model} adds up each feature times one weight: an answer that is no such sum it can't give, however long it "
        "is trained."
    )


HOLD = Topic(
    "can-hold-the-answer",
    STEP,
    BRANCH,
    "Is this model able to hold the answer?",
    (
        either(
            "linear-model",
            ("network", "model_words", "parameters"),
            lambda f: not f["network"],
            _straight,
            lambda f: (
                f"The model is {f['model_words']} with {count(f['parameters'])} parameters: between its layers each "
                f"number is bent ({f['activation']}), and that is what lets it follow a curve."
            ),
        ),
        Ask("capacity", ("own-model", "wall", "residual-pattern"), costs.capacity),
    ),
)

THEOREM = stated(
    "theorem",
    ("model_words",),
    lambda f: (
        "A theorem promises that one hidden layer with enough units comes as near as you like to any continuous "
        "function, within a bounded range of its inputs. It does not say how many units, nor that descent finds their "
        "weights, nor anything about inputs outside that range."
    ),
)
ANY = Topic(
    "any-function",
    STEP,
    BRANCH,
    "Can a neural network learn any function?",
    (Ask("capacity", ("inside-and-outside",), costs.capacity, instead=(THEOREM,)),),
)

LAYERS = Topic(
    "inside-the-network",
    STEP,
    BRANCH,
    "What happens inside the network, layer by layer?",
    (
        either(
            "has-layers",
            ("network", "model_words"),
            lambda f: f["network"],
            lambda f: f"This model is {f['model_words']}.",
            lambda f: (
                f"Nothing is hidden in this model: {f['model_words']} goes from the features to its answer in "
                "one layer."
            ),
        ),
        Ask(
            "layers",
            ("alive", "unsaturated", "balanced-gradient", "update-ratio"),
            when=lambda f: f["network"],
        ),
        Define("parameters"),
    ),
)

TOPICS = (HOLD, ANY, LAYERS)
