"""Each sentence on the predictions follows the figures."""

from __future__ import annotations

import pytest

from fallline.claim import tell
from fallline.told.predictions import CLAIMS

NUMBERS = {"target": "y", "step": 40, "rows": 310, "rows_of": 310, "rmse": 62.4, "spread": 77.7, "recognised": None}
CLASSES = NUMBERS | {"rows": 400, "rows_of": 900, "rmse": None, "recognised": 0.9, "commonest": 0.35}
CASES = {"better-than-the-mean": (NUMBERS, NUMBERS | {"rmse": 139.0}),
         "better-than-the-commonest": (CLASSES, CLASSES | {"recognised": 0.3})}  # fmt: skip


@pytest.mark.parametrize("claim", CASES)
def test_each_claim_holds_where_it_is_so_and_says_otherwise_where_it_is_not(claim):
    well, ill = CASES[claim]
    (good,), (bad,) = tell(CLAIMS, well), tell(CLAIMS, ill)
    assert (good.claim, good.holds, bad.claim, bad.holds) == (claim, True, claim, False)
    assert "no better than" in bad.text
    assert "no better than" not in good.text


def test_the_numbers_and_the_rows_they_are_from_are_in_the_sentence():
    (numbers,), (classes,) = tell(CLAIMS, NUMBERS), tell(CLAIMS, CLASSES)
    assert "62.4" in numbers.text
    assert "the 310 training rows" in numbers.text
    assert "90%" in classes.text
    assert "400 of the 900 training rows" in classes.text


def test_every_claim_has_its_case():
    assert {claim.name for claim in CLAIMS} == set(CASES)
