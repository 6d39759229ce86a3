"""What a page may say: each message of the protocol is understood, and nothing else is."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.lab.messages import LARGEST, MalformedError, Show, read_message

SHOW = {
    "pictures": ["loss"],
    "weight": None,
    "over": "path",
    "weights": ["a", "b"],
    "row": 12,
    "log": True,
    "quiz": False,
    "ahead": False,
}
SCENE = {
    "table": "iris",
    "target": "species",
    "types": {"id": "ignore"},
    "points": [[None, 1.0, 2.5], [3, 1, 2]],
    "settings": {"rate": 0.1, "batch": "full", "bias": False, "clip": None, "seed": 3},
    "step": 40,
}
UNDERSTOOD: list[dict[str, Any]] = [
    {"do": "open"},
    {"do": "open", "scene": SCENE, "run": None, "show": SHOW},
    {"do": "open", "scene": {"settings": {"rate": "as it stands in an address"}}},
    {"do": "open", "run": "2026-11-23-141502-iris-softmax"},
    {"do": "forward", "count": 1},
    {"do": "forward", "count": 1_000_000},
    {"do": "forward", "epochs": 1},
    {"do": "back"},
    {"do": "back", "count": 25},
    {"do": "go", "step": 0},
    {"do": "run", "speed": 0},
    {"do": "run", "speed": 50.5},
    {"do": "pause"},
    {"do": "drawn", "number": 7},
    {"do": "change", "settings": {"rate": 0.5, "rule": "adam"}},
    {"do": "table", "table": "upload-0123456789abcdef"},
    {"do": "table", "table": "iris", "target": "species", "types": {"id": "ignore"}},
    {"do": "points", "edits": [[None, 1, 2], [0, -1.5, 2e9]]},
    {"do": "points", "edits": [], "anew": True},
    {"do": "place", "weights": {"weight": -1.0}},
    {"do": "place", "weights": {"weight": -1.0, "bias": 3}, "step": 12},
    {"do": "show", "show": SHOW},
    {"do": "compare", "vary": "rate=0.01,0.1"},
    {"do": "compare", "vary": "rule=plain,adam", "steps": 100},
    {"do": "explain"},
    {"do": "explain", "name": "why this step"},
    {"do": "diagnose"},
    {"do": "diagnose", "tried": True},
    {"do": "guess", "value": -0.5},
    {"do": "predict", "row": {"size": 3.5, "town": "Ulm", "new": True, "rooms": None, "öß ☃": "x"}},
    {"do": "keep"},
    {"do": "stop_aside"},
]
MALFORMED = [
    "", " ", "null", "1", '"open"', "[]", "{}", "{", "nonsense", '{"do": "open"} {"do": "open"}', "[" * 10_000,
    '{"do": null}', '{"do": 1}', '{"do": ["open"]}', '{"do": {"do": "open"}}', '{"do": "Open"}', '{"do": "warm"}',
    '{"do": "__init__"}', '{"say": "now"}', '{"do": "pause", "extra": 1}', '{"do": "keep", "path": "/etc/passwd"}',
    '{"do": "forward"}', '{"do": "forward", "count": 0}', '{"do": "forward", "count": 1000001}',
    '{"do": "forward", "count": -1}', '{"do": "forward", "count": "1"}', '{"do": "forward", "count": 1.5}',
    '{"do": "forward", "count": true}', '{"do": "forward", "epochs": 2}', '{"do": "forward", "count": 1, "epochs": 1}',
    '{"do": "back", "count": 0}', '{"do": "go"}', '{"do": "go", "step": -1}', '{"do": "go", "step": 1e300}',
    '{"do": "go", "step": 1000000001}', '{"do": "run", "speed": -1}', '{"do": "run", "speed": NaN}',
    '{"do": "run", "speed": Infinity}', '{"do": "run", "speed": 1e999}', '{"do": "drawn", "number": -1}',
    '{"do": "change", "settings": {}}', '{"do": "change", "settings": {"rat": 1}}',
    '{"do": "change", "settings": {"rate": [1]}}', '{"do": "change", "settings": {"rate": {"a": 1}}}',
    '{"do": "change", "settings": {"rate": NaN}}', '{"do": "change", "settings": [1]}',
    '{"do": "table"}', '{"do": "table", "table": 1}', '{"do": "table", "table": "iris", "types": {"a": 1}}',
    '{"do": "points", "edits": []}', '{"do": "points", "edits": [[0, 1]]}', '{"do": "points", "edits": [[-1, 1, 2]]}',
    '{"do": "points", "edits": [[0, 1, 2, 3]]}', '{"do": "points", "edits": [[0.5, 1, 2]]}',
    '{"do": "points", "edits": [[0, NaN, 2]]}', '{"do": "points", "edits": [[0, "1", 2]]}',
    '{"do": "place", "weights": {}}', '{"do": "place", "weights": {"w": "1"}}',
    '{"do": "place", "weights": {"w": null}}',
    '{"do": "show", "show": {"over": "all"}}', '{"do": "show", "show": {"weights": ["a"]}}', '{"do": "show"}',
    '{"do": "show", "show": {"log": 1}}', '{"do": "show", "show": {"pictures": "loss"}}',
    '{"do": "show", "show": {"picture": []}}', '{"do": "compare", "vary": ""}', '{"do": "compare", "vary": ["rate"]}',
    '{"do": "guess", "value": "much"}', '{"do": "guess", "value": null}', '{"do": "guess", "value": -Infinity}',
    '{"do": "predict", "row": {"a": [1]}}', '{"do": "predict", "row": []}', '{"do": "explain", "name": 1}',
    '{"do": "open", "scene": {"steps": 1}}', '{"do": "open", "scene": []}', '{"do": "open", "scene": {"step": -1}}',
    '{"do": "open", "run": ["a"]}', '{"do": "open", "show": null}', '{"do": "diagnose", "tried": "yes"}',
]  # fmt: skip
LARGE = [
    {"do": "explain", "name": "x" * 501},
    {"do": "compare", "vary": "x" * 2001},
    {"do": "predict", "row": {"a": "x" * 40_001}},
    {"do": "predict", "row": {"x" * 501: 1}},
    {"do": "predict", "row": {str(i): i for i in range(2001)}},
    {"do": "place", "weights": {str(i): i for i in range(1001)}},
    {"do": "points", "edits": [[None, 1, 2]] * 501},
    {"do": "show", "show": {"pictures": ["loss"] * 21}},
    {"do": "show", "show": {"pictures": ["x" * 41]}},
    {"do": "table", "table": "x" * 501},
    {"do": "open", "scene": {"settings": {str(i): i for i in range(65)}}},
    {"do": "open", "scene": {"types": {str(i): "ignore" for i in range(1001)}}},
    {"do": "open", "scene": {"points": [[None, 1, 2]] * 501}},
    {"do": "change", "settings": {"seed": 2**63}, "more": 1},
]


@pytest.mark.parametrize("said", UNDERSTOOD, ids=str)
def test_every_message_of_the_protocol_is_understood_with_what_it_says(said: dict):
    read = read_message(json.dumps(said))
    for name, value in said.items():
        inner = read[name]
        if isinstance(value, dict):
            inner = {key: inner[key] for key in value}
        assert json.loads(json.dumps(inner)) == value


def test_every_kind_of_message_is_among_those_tested():
    listed = (Path(__file__).parents[2] / "docs" / "lab.md").read_text()
    table = listed.partition("## What a page may say")[2].partition("\n## ")[0]
    told = {
        name for line in table.splitlines() if line.startswith("| `") for name in line.split("|")[1].split("`")[1::2]
    }
    assert told - {"do"} == {said["do"] for said in UNDERSTOOD}


@pytest.mark.parametrize("said", MALFORMED)
def test_what_is_no_message_is_refused_with_a_short_reason(said: str):
    with pytest.raises(MalformedError) as refused:
        read_message(said)
    assert "\n" not in str(refused.value)
    assert 5 < len(str(refused.value)) < 300


@pytest.mark.parametrize("said", LARGE, ids=lambda said: said["do"])
def test_what_is_larger_than_it_may_be_is_refused(said: dict):
    with pytest.raises(MalformedError):
        read_message(json.dumps(said))


def test_a_message_that_is_too_long_is_not_even_read():
    with pytest.raises(MalformedError, match="at most"):
        read_message(json.dumps({"do": "back"}) + " " * LARGEST)


@pytest.mark.parametrize("said", [None, b'{"do": "back"}'])
def test_a_message_that_is_no_text_is_refused(said: bytes | None):
    with pytest.raises(MalformedError, match="text"):
        read_message(said)


KEYS = st.sampled_from(["do", "scene", "count", "settings", "rate"]) | st.text()
PLAIN = st.none() | st.booleans() | st.floats() | st.integers() | st.text()


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_whatever_is_said_is_either_understood_or_refused(said: Any):
    for message in (said, {"do": "open", "scene": said}, {"do": "change", "settings": said}):
        with suppress(MalformedError):
            assert read_message(json.dumps(message))["do"]


def test_what_is_shown_at_first_are_four_pictures():
    assert Show() == Show(**read_message('{"do": "open"}')["show"])
    assert Show().pictures == ("slice", "loss", "fit", "gradient")
