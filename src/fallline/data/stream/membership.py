"""Which part a row is in, by a hash of its number: rows appended later leave every earlier one where it was.

The hash is SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014), keyed by the seed.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from fallline.errors import SettingsError

PARTS = ("train", "validation", "test")  # a row's part is its place here
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def membership(
    numbers: Int[np.ndarray, "rows"], *, seed: int, validation: float = 0.15, test: float = 0.15
) -> Int[np.ndarray, "rows"]:
    """Of each row, counted from 0 in its table, whether it trains (0), validates (1) or tests (2).

    Args:
        validation, test: the share of rows that each row has a chance of; the parts come out near to them.

    Raises: SettingsError for shares that are none.
    """
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise SettingsError(
            f"With {validation} to validate and {test} to test, no rows are left to train on, or a share is negative.\n"
            "The two shares must be 0 or more and add up to less than 1."
        )
    mixed = _mixed(np.asarray(numbers).astype(np.uint64) + _mixed(np.array([seed], np.uint64)))
    place = (mixed >> np.uint64(11)) * 2.0**-53
    return (place < validation + test).astype(np.int8) + ((validation <= place) & (place < validation + test))


def _mixed(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = values + GOLDEN
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
