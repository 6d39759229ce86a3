"""What all parts of the page have in common: one weight, the cursor's own parameters, axes that no rounding moves."""

from __future__ import annotations

import numpy as np
import pytest
from lab.test_pictures import at, pictured, walked

from fallline.engine import precision
from fallline.instruments.plane import LEAST
from fallline.lab.answers import guess
from fallline.lab.live import Live
from fallline.lab.scene import Scene
from fallline.lab.showing import Showing
from fallline.lab.walker import Walker

NETWORK = Scene(table="iris", settings={"model": "mlp:8,8", "rate": 0.3})


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Walker:
    """Walked by single steps and by many, as on the page: its weights are kept at the ends of legs only."""
    made = walked(NETWORK, tmp_path_factory.mktemp("lab"), 0)
    with precision(32):
        for step in (*range(1, 26), 50, 51):
            made.walk_to(step + 1)
            made.go(step)
    return made


def test_the_ball_of_the_surface_stands_at_the_cursor_and_its_ghost_at_the_next_step(network):
    for over in ("weights", "path"):
        drawn = pictured(network, "surface", over=over)
        ball, ghost = drawn.data["ball"].row(0, named=True), drawn.data["ghost"].row(0, named=True)
        assert (ball["step"], ghost["step"]) == (51, 52), over
        assert ball["loss"] == pytest.approx(pictured(network, "slice").data["ball"]["loss"][0], rel=1e-5), over
    names, after = network.prepared.names, network.parameters(52)
    drawn = pictured(network, "surface")
    aim = [after[names.index(drawn.params[f"{side}_weight"])] for side in "xy"]
    assert drawn.data["ghost"].select("x", "y").row(0) == pytest.approx(aim, rel=1e-5)


def test_what_lies_beyond_the_cursor_does_not_choose_the_weight(tmp_path):
    there = walked(NETWORK, tmp_path, 10)
    first = at(there).weight
    with precision(32):
        there.walk_to(400)
        there.go(399)
        later = at(there).weight
        there.go(10)
    assert at(there).weight == first != later


ADAM = Scene(table="diabetes", settings={"rule": "adam", "rate": 0.05})
BATCHES = Scene(table="diabetes", settings={"batch": 32, "rate": 0.05, "seed": 1})


@pytest.mark.parametrize("scene", [ADAM, BATCHES, NETWORK])
@pytest.mark.parametrize("picked", [False, True])
def test_slice_stages_chain_and_quiz_speak_of_one_weight(scene, picked, tmp_path):
    walker = walked(scene, tmp_path, 30)
    with precision(32):
        for step in (30, 2, 0):
            walker.go(step)
            look = at(walker, weight=walker.prepared.names[2] if picked else None)
            told = Showing(lambda message: None).now(walker, look.shown, {}, guessed=True)
            stages = {stage["name"]: stage for stage in told["stages"]}
            assert told["weight"] == look.weight
            assert pictured(walker, "slice", weight=look.shown.weight).params["weight"] == look.weight
            assert f"along {look.weight} it is" in stages["gradient"]["said"]
            assert stages["update"]["lines"][0]["formula"].startswith(f"{look.weight}: new")
            assert f"takes {look.weight} to" in guess(walker, look.weight, 0.0)["text"]
            if picked:
                assert look.weight == walker.prepared.names[2]


def test_a_guess_is_graded_on_the_weight_that_the_page_names(tmp_path):
    sent: list[dict] = []
    live = Live(sent.append, tmp_path, {})
    shown = {"quiz": True, "pictures": ["slice"]}
    live.open({"scene": {"table": "diabetes", "settings": {"batch": 32, "rate": 0.05}}, "show": shown})
    with live.precision:
        for step in (100, 2):  # what was walked beyond the cursor does not decide
            live.go({"step": step})
            while live.walking:
                live.advance()
        now = live.now()
        assert now["weight"] == now["pictures"]["slice"]["params"]["weight"]
        live.guess({"value": 0.0})
    assert f"takes {now['weight']} to" in sent[-1]["text"]


def test_rounding_in_a_weight_that_stays_is_not_drawn_as_a_way(tmp_path):
    line = walked(Scene(settings={"bias": True, "rate": 0.3}), tmp_path, 20)
    flats = np.array([line.parameters(step) for step in range(21)])
    still = line.prepared.names.index("bias")
    assert 0 < np.ptp(flats[:, still]) < 1e-6  # there is rounding to be blown up
    drawn = pictured(line, "surface", weights=("weights", "bias"))
    params = drawn.params
    way, room = np.ptp(drawn.data["walked"]["y"].to_numpy()), params["y_high"] - params["y_low"]
    assert way < 1e-3 * room
    assert room == pytest.approx((params["x_high"] - params["x_low"]), rel=0.5)
    across = pictured(line, "slice", weight="bias").params
    assert np.ptp(flats[:, still]) < LEAST * (across["x_high"] - across["x_low"])
