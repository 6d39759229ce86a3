"""Draws docs/picture.png from a run: the loss against one weight, with the path that was walked on it.

python docs/picture.py RUN
"""

from __future__ import annotations

import sys
from pathlib import Path

import vl_convert

import fallline as fl
from fallline.figures import draw_slice

run = fl.open_run(sys.argv[1])
assert run.slice is not None
chart = draw_slice(run.slice, run.slice_name).properties(width=760)
Path(__file__).with_name("picture.png").write_bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=1.5))
