"""What is written into a run folder is read again as it was, short or long."""

from __future__ import annotations

import json

import pytest

from fallline.trace.folder import LONGEST, finite, write_json

LONG = {"short": {"a": [1, 2]}, "long \u00e4\n": [{"level": f'"{i}'} for i in range(LONGEST // 10)], "none": None}


@pytest.mark.parametrize("value", [{}, LONG, {"deep": LONG}, {"inf": [float("inf")] * LONGEST}, list(range(LONGEST))])
def test_json_is_read_as_it_was_written(tmp_path, value):
    write_json(tmp_path / "a.json", value)
    assert finite(json.loads((tmp_path / "a.json").read_text())) == value


def test_only_what_nobody_reads_goes_on_one_line(tmp_path):
    write_json(tmp_path / "a.json", LONG)
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert ' "a": [' in lines
    assert len(lines) < 20
