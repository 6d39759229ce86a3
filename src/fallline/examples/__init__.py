"""Tables that come with Fallline, each with a note of its source in SOURCE.txt."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple


class Example(NamedTuple):
    """A bundled table."""

    name: str
    title: str  # in a few words
    target: str  # the column that is most naturally predicted
    rows: int


EXAMPLES = {
    each.name: each
    for each in (
        Example("one_weight", "One weight: disease progression from body mass", "progression_above_mean", 442),
        Example("diabetes", "Diabetes: progression from ten measures", "progression", 442),
        Example("iris", "Iris: three species from four lengths", "species", 150),
        Example("breast_cancer", "Breast cancer: two diagnoses from thirty measures", "diagnosis", 569),
        Example("california_housing", "California: house values of 20,640 districts", "median_house_value", 20_640),
    )
}


def example(name: str = "california_housing") -> Path:
    """The path of a bundled table; EXAMPLES lists them.

    >>> example().name
    'california_housing.csv.gz'
    """
    return Path(str(files("fallline.examples") / f"{name}.csv.gz"))
