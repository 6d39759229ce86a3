"""Each sentence on the layers follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.layers import CLAIMS

F = {
    "layers": ["layer1", "layer2", "layer3"], "hidden": 2, "activation": "relu", "dead_share": 0.0625,
    "dead_layer": "layer2", "saturated_share": None, "start_first_to_last": 0.8, "update_ratio": 0.002, "points": 10,
    "rows": 2000, "rows_of": 14448, "kept_step": 500,
}  # fmt: skip
TANH = F | {"activation": "tanh", "dead_share": None, "saturated_share": 0.1, "saturated_at_start": 0.01,
            "saturated_layer": "layer1"}  # fmt: skip
CASES = {
    "alive": [(F, ["6.25%", "layer2"]), (F | {"dead_share": 0.0}, ["No relu unit is dead"])],
    "unsaturated": [(TANH, ["10%", "layer1", "1%"])],
    "balanced-gradient": [(F, ["0.8 times", "factor of 100"])],
    "update-ratio": [(F, ["0.002", "10 points"])],
}
OTHERWISE = {
    "alive": [(F | {"dead_share": 0.7}, ["70%", "cannot be learned any more"])],
    "unsaturated": [(TANH | {"saturated_share": 0.6}, ["60%", "flat"])],
    "balanced-gradient": [
        (F | {"start_first_to_last": 1e-4}, ["first layer learned much more slowly"]),
        (F | {"start_first_to_last": 500.0}, ["500 times", "last layer learned much more slowly"]),
        (F | {"start_first_to_last": 0.0}, ["no gradient reached layer1"]),
    ],
    "update-ratio": [(F | {"update_ratio": 0.5}, ["0.5", "more than a tenth"]),
                     (F | {"update_ratio": 1e-7}, ["over 100,000 steps"])],
}  # fmt: skip


def said(figures: dict, claim: str):
    (sentence,) = (s for s in tell(CLAIMS, figures) if s.claim == claim)
    return sentence


@pytest.mark.parametrize("claim", [claim.name for claim in CLAIMS])
def test_a_sentence_says_what_the_figures_say_either_way(claim):
    for cases, holds in ((CASES, True), (OTHERWISE, False)):
        for figures, words in cases[claim]:
            sentence = said(figures, claim)
            assert sentence.holds is holds
            assert all(word in sentence.text for word in words), sentence.text
            assert sentence.text.endswith(".")


def test_the_rows_that_were_judged_are_told():
    assert "2,000 of the 14,448 training rows" in said(F, "alive").text
    assert "all 2,000 training rows" in said(F | {"rows_of": 2000}, "alive").text


def test_a_model_of_one_layer_has_nothing_to_say_of_hidden_ones():
    figures = F | {"hidden": 0, "dead_share": None, "start_first_to_last": None}
    assert [sentence.claim for sentence in tell(CLAIMS, figures)] == ["update-ratio"]
    assert tell(CLAIMS, figures | {"update_ratio": None}) == []
