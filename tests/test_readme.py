"""What the README shows in Python runs."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from fallline.examples import example

README = Path(__file__).parents[1] / "README.md"


def test_the_readmes_python_runs_in_the_order_in_which_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("housing.csv", "new_rows.csv"):
        (tmp_path / name).write_bytes(gzip.decompress(example().read_bytes()))
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    assert names["run"].verdict.state in ("improving", "converged")
    assert names["done"].verdict.state == "converged"
    assert names["model"].score(names["X"], names["y"]) > 0.4
