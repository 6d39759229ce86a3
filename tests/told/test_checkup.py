"""Each sentence on a checkup follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.checkup import CLAIMS

F = {
    "held_rows": 300, "held_loss": 0.2, "held_trivial_loss": 0.5, "held_chance": 0.005, "onward_steps": 400,
    "onward_rate": 0.02, "onward_now": 0.2, "onward_same": 0.199, "onward_rows": 2048, "condition": 400.0,
    "condition_scaled": 250.0, "telling": [], "twins": [],
}  # fmt: skip
CASES = {  # where it holds, words; where it does not, words
    "beats-trivial": (F, ["300", "0.2", "0.5"], F | {"held_loss": 0.6}, ["0.6", "no better"]),
    "no-chance": (F, ["0.5%", "no chance"], F | {"held_chance": 0.4}, ["40%", "may be chance"]),
    "at-rest": (F, ["0.199", "400 more steps"], F | {"onward_same": 0.1}, ["from 0.2 to 0.1", "not come to rest"]),
    "scaled": (F, ["400", "250", "little"], F | {"condition": 1e6}, ["4,000 times fewer"]),
    "no-column-tells-all": (F, ["No column"], F | {"telling": ["a", "b"]}, ["2 columns", "a, b"]),
    "no-twins": (F, ["No two"], F | {"twins": [["a", "b"]]}, ["1 pair", "a and b"]),
}


@pytest.mark.parametrize("claim", [claim.name for claim in CLAIMS])
def test_a_sentence_says_what_the_figures_say_either_way(claim):
    holds, words, not_, others = CASES[claim]
    for figures, expected, truth in ((holds, words, True), (not_, others, False)):
        (sentence,) = (s for s in tell(CLAIMS, figures) if s.claim == claim)
        assert sentence.holds is truth
        assert all(word in sentence.text for word in expected), sentence.text
        assert sentence.text.endswith(".")


def test_what_was_not_measured_is_not_told():
    assert tell(CLAIMS, {"onward_now": float("nan"), "onward_same": 1.0}) == []
    assert tell(CLAIMS, {}) == []
