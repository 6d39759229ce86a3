"""The worker, spoken to as a page speaks: what it says is what `fl.train` finds with the same settings."""

from __future__ import annotations

import time

import pytest
from lab.talk import Page

import fallline as fl
from fallline.examples import EXAMPLES, example
from fallline.lab.scene import Scene
from fallline.lab.worker import LONGEST, Worker

W = "weights[bmi_above_mean]"


@pytest.fixture
def page(tmp_path):
    found = Page(tmp_path)
    yield found
    found.close()


def asked(ready: dict) -> dict:
    """What `fl.train` is given for the scene that a page was told of."""
    scene = Scene(**ready["scene"])
    return {"source": example(scene.table), "target": ready["target"], **scene.asked()}


def run_of(ready: dict, tmp_path, step: int) -> fl.Run:
    return fl.train(**asked(ready), runs=tmp_path / "told", until=step)


def test_a_page_opens_on_one_weight_with_the_first_update_spelled_out(page):
    ready = page.ask("open", "ready", show={"pictures": []})
    now = page.until("now")
    assert ready["names"] == [W]
    assert {table["name"] for table in ready["tables"]} == set(EXAMPLES)
    assert now["command"].startswith("fallline train ")
    assert now["step"] == 0
    assert now["number"] == 1
    assert [stage["name"] for stage in now["stages"]] == ["predict", "loss", "gradient", "update"]
    assert now["facts"]["step"]["value"] == 0
    assert now["told"]


def test_a_step_is_the_step_of_a_training(page, tmp_path):
    ready = page.open()
    seen = [page.ask("forward", when=lambda now, k=k: now["step"] == k, count=1) for k in range(1, 7)]
    trace = run_of(ready, tmp_path, 8).trace
    for now in seen:
        row = trace.row(now["step"], named=True)
        assert now["facts"]["loss"]["value"] == row["loss"]
        assert now["facts"]["gradient_norm"]["value"] == row["gradient_norm"]
        assert now["facts"]["rate"]["value"] == row["rate"]


def test_many_steps_and_whole_epochs(page):
    ready = page.open(table="diabetes", settings={"rate": 0.01, "batch": 50})
    per = -(-ready["rows"]["train"] // 50)
    assert page.ask("forward", when=lambda now: now["step"] == 3, count=3)["running"] is False
    assert page.ask("forward", when=lambda now: now["step"] == per, epochs=1)["epoch"] == 1.0
    assert page.ask("forward", when=lambda now: now["step"] == 2 * per, epochs=1)["epoch"] == 2.0
    assert page.forward(100)["last"] == 100


def test_back_says_what_was_said_before(page):
    page.open(table="iris", settings={"rate": 0.1, "rule": "adam", "batch": 16})
    page.forward(9)
    before = page.ask("back", when=lambda now: now["step"] == 4, count=5)
    page.forward(60)
    again = page.ask("back", when=lambda now: now["step"] == 4, count=56)
    for key in ("stages", "told", "epoch", "rows"):
        assert again[key] == before[key]
    assert again["facts"] == before["facts"]
    assert page.ask("back", when=lambda now: now["step"] == 0, count=100)["epoch"] == 0


def test_a_rate_goes_on_from_here_and_all_else_starts_anew(page, tmp_path):
    page.open()
    page.forward(10)
    page.ask("back", count=4)
    now = page.ask("change", when=lambda now: "rate_changes" in now["address"], settings={"rate": 0.05})
    assert (now["step"], now["last"]) == (6, 6)
    assert now["facts"]["rate"]["value"] == pytest.approx(0.05)
    now = page.forward(9)
    trace = fl.train(**arguments_of(now), runs=tmp_path / "told", until=10).trace
    assert now["facts"]["loss"]["value"] == trace["loss"][9]
    ready = page.ask("change", "ready", settings={"l2": 0.1})
    assert "anew" in page.until("said")["text"]
    assert ready["scene"]["step"] == 0
    assert ready["settings"]["rate"] == 0.05
    assert ready["settings"]["rate_changes"] is None
    assert page.until("now")["step"] == 0


def arguments_of(now: dict) -> dict:
    scene = Scene.from_query(now["address"])
    return {"source": example(scene.table), "target": EXAMPLES[scene.table].target, **scene.asked()}


def test_the_address_gives_the_same_numbers_on_another_page(page, tmp_path):
    def whole(now):
        return now["step"] == 8 and "stable_rate" in now["facts"]  # which is measured beside the walk

    page.open()
    page.forward(5)
    page.ask("change", when=lambda now: "rate_changes" in now["address"], settings={"rate": 0.7})
    now = page.ask("go", when=whole, step=8)
    other = Page(tmp_path)
    scene = Scene.from_query(now["address"])
    same = other.ask("open", when=whole, scene=scene.model_dump(mode="json"), show={"pictures": []})
    other.close()
    for key in ("stages", "facts", "told", "address"):
        assert same[key] == now[key]


def test_the_ball_can_be_put_anywhere(page, tmp_path):
    page.open()
    page.forward(3)
    ready = page.ask("place", "ready", weights={W: 1.75})
    now = page.until("now")
    assert now["step"] == 0
    start = run_of(ready, tmp_path, 2)
    assert start.weights(0)["weights"] == pytest.approx([1.75])
    assert now["facts"]["loss"]["value"] == start.trace["loss"][0]


def test_points_are_moved_and_added_and_the_ball_stays(page, tmp_path):
    page.open()
    page.forward(2)
    ready = page.ask("points", "ready", edits=[[0, 5.0, -20.0], [None, 9.0, 250.0]])
    now = page.until("now")
    rows = ready["points"]["rows"]
    assert len(rows["x"]) == EXAMPLES["one_weight"].rows + 1
    assert (rows["x"][0], rows["y"][0]) == (5.0, -20.0)
    assert (rows["x"][-1], rows["y"][-1]) == (9.0, 250.0)
    assert ready["rows"]["validation"] == 66
    made = {"source": now["command"].split()[2], "target": ready["target"], "split": "part"}
    run = fl.train(**made, **Scene(**ready["scene"]).asked(), runs=tmp_path / "told", until=1)
    assert now["facts"]["loss"]["value"] == run.trace["loss"][0]
    page.ask("points", "wrong", edits=[[9999, 0.0, 0.0]])


def test_edits_of_points_are_taken_back_one_by_one_or_all(page):
    before = page.open()["points"]["rows"]
    first = [[0, 5.0, -20.0]]
    page.ask("points", "ready", edits=first)
    page.ask("points", "ready", edits=[[None, 9.0, 250.0]])
    assert page.ask("points", "ready", edits=first, anew=True)["scene"]["points"] == first
    reset = page.ask("points", "ready", edits=[], anew=True)
    assert (reset["scene"]["points"], reset["points"]["rows"]) == ([], before)


def dropped(page, text: str, name: str = "upload-00") -> str:
    folder = page.worker.folder / "tables"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text(text)
    return name


@pytest.mark.parametrize(
    ("columns", "target"),
    [("x,price,name", "price"), ("x,price,same", "price"), ("x,price", "price"), ("x,price,day", "price")],
)
def test_a_dropped_table_opens_on_its_last_column_that_can_be_predicted(page, columns, target):
    page.open()
    last = {"name": "house {}", "same": "1", "day": "2024-01-{:02}"}.get(columns.split(",")[-1], "")
    rows = "".join(f"{i % 7},{i}{',' * bool(last)}{last.format(i % 28 + 1)}\n" for i in range(28))
    ready = page.ask("table", "ready", table=dropped(page, f"{columns}\n{rows}"))
    assert ready["target"] == target


def test_what_the_target_is_taken_for_is_said_and_can_be_changed(page):
    page.open()
    table = dropped(page, "x,grade\n" + "".join(f"{i % 11},{i % 5 + 1}\n" for i in range(60)))
    ready = page.ask("table", "ready", table=table)
    assert ready["target_kind"]["kind"] == "number"
    assert "5 distinct" in ready["target_kind"]["why"]
    page.ask("change", "ready", settings={"loss": "huber"})
    ready = page.ask("table", "ready", table=table, target="grade", types={"grade": "category"})
    assert (ready["task"], ready["classes"]) == ("classes", [1, 2, 3, 4, 5])
    assert ready["target_kind"] == {"kind": "category", "why": "as you said: one of 5 classes is predicted"}
    ready = page.ask("table", "ready", table=table, target="grade", types={"grade": "number"})
    assert ready["task"] == "regression"


def test_another_table_and_another_target(page):
    page.open()
    ready = page.ask("table", "ready", table="breast_cancer")
    assert (ready["task"], ready["target"]) == ("classes", "diagnosis")
    assert {"name": "logistic", "title": "logistic regression"} in ready["choices"]["models"]
    ready = page.ask("table", "ready", table="iris", target="petal_width_cm", types={"species": "ignore"})
    assert ready["task"] == "regression"
    assert len(ready["features"]) == 3


WRONG = {
    "an unknown rule": ("change", {"settings": {"rule": "adm"}}, "adam"),
    "a batch of too many rows": ("change", {"settings": {"batch": 10_000}}, "310"),
    "an unknown table": ("table", {"table": "irises"}, "iris"),
    "an unknown column": ("table", {"table": "iris", "target": "specis"}, "species"),
    "a loss that does not fit": ("change", {"settings": {"loss": "log"}}, "classes"),
    "an unknown weight": ("place", {"weights": {"w": 1.0}}, W),
    "a file outside": ("table", {"table": "../../etc/passwd"}, "table"),
    "a run that is none": ("open", {"run": "nothing"}, "nothing"),
    "a word for a number": ("predict", {"row": {"bmi_above_mean": "much"}}, "bmi_above_mean"),
    "nothing to keep": ("keep", {}, "first update"),
    "too many runs": ("compare", {"vary": "rate=1,2,3,4,5,6,7"}, "7 runs"),
    "an unknown explanation": ("explain", {"name": "nothing"}, "nothing"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_will_not_do_is_told_in_two_lines_and_the_walk_goes_on(page, name):
    do, rest, said = WRONG[name]
    page.open()
    page.do(do, **rest)
    while (wrong := page.hear())["say"] != "wrong":
        pass
    assert said in wrong["text"]
    assert len(wrong["text"].splitlines()) <= 2
    assert page.ask("forward", when=lambda now: now["step"] == 1, count=1)["step"] == 1


def test_a_malformed_table_is_told_and_the_worker_lives(page, tmp_path):
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "upload-ab12.csv").write_bytes(b"\xff\xfe\x00 no table\n\x00\x00")
    page.open()
    page.do("table", table="upload-ab12")
    while (wrong := page.hear())["say"] != "wrong":
        pass
    assert len(wrong["text"].splitlines()) <= 2
    assert page.forward(1)["step"] == 1


def test_a_dropped_table_is_learned_from(page, tmp_path):
    (tmp_path / "uploads").mkdir()
    rows = "\n".join(f"{x},{x * 2 + 1}" for x in range(40))
    (tmp_path / "uploads" / "upload-ab12.csv").write_text(f"x,y\n{rows}\n")
    page.open()
    ready = page.ask("table", "ready", table="upload-ab12")
    assert (ready["target"], ready["features"]) == ("y", ["x"])


def test_running_goes_on_until_it_has_converged(page, tmp_path):
    ready = page.open()
    end = page.ask("run", when=lambda now: now["step"] and not now["running"], speed=0)
    run = fl.train(**asked(ready), runs=tmp_path / "told")
    assert end["step"] == len(run.trace)
    assert end["ended"] == {"state": "converged", "text": str(run.verdict)}
    assert page.ask("forward", when=lambda now: now["step"] == end["step"] + 1, count=1)["ended"] is None


def test_running_at_a_speed_makes_each_step_in_its_turn_and_pauses(page):
    page.open(settings={"stop": None, "rate": 0.01})
    page.ask("run", when=lambda now: now["step"] >= 5, speed=400)
    last = page.ask("pause", when=lambda now: now["step"] and not now["running"])
    shown = [said["step"] for said in page.heard if said["say"] == "now"]
    assert shown == sorted(shown)
    assert page.ask("forward", when=lambda now: now["step"] > last["step"], count=1)["step"] == last["step"] + 1


def test_at_most_one_state_is_sent_beyond_the_one_that_is_being_drawn(page):
    page.open(settings={"stop": None, "epochs": 1_000_000})  # which last longer than this test listens
    drawn = page.heard[-1]["number"]
    page.draws = False
    page.do("run", speed=0)
    while page.end.poll(2):  # it runs on, and says no more
        page.hear()
    numbers = [said["number"] for said in page.heard if said["say"] == "now"]
    assert numbers[-1] == drawn + 2
    page.draws = True
    page.do("drawn", number=numbers[-1])
    assert page.until("now")["step"] > 100  # the newest, not the one after
    page.do("pause")


def test_a_page_that_drew_nothing_of_the_scene_before_is_told_of_the_next(page):
    page.open()
    page.draws = False
    for _ in range(2):  # as when the next scene is asked for before the browser's next frame
        page.ask("pause")
    page.do("open", scene={"table": "iris"}, show={"pictures": []})
    page.until("ready")
    assert page.until("now")["step"] == 0
    page.draws = True


def test_a_far_step_is_walked_to_without_telling_of_each_leg(page):
    page.open(settings={"stop": None, "rate": 0.001, "epochs": 1_000_000})
    legs = 100_000 // 500
    page.ask("go", when=lambda now: now["step"] == 100_000, step=100_000)
    told = [said["step"] for said in page.heard if said["say"] == "now"]
    assert told == sorted(told)
    assert len(told) < legs / 4


def test_a_divergence_goes_back_to_the_last_good_step_and_offers_what_worked(page, tmp_path):
    ready = page.open(settings={"rate": 2.5})
    page.do("run", speed=0)
    broke = page.until("broke")
    run = fl.train(**asked(ready), runs=tmp_path / "told")
    assert broke["step"] == run.verdict.figures["kept"]
    assert broke["stable"] == pytest.approx(run.verdict.figures["stable"])
    assert run.verdict.why in broke["text"]
    retry = page.until("retry")
    assert retry["settings"]["rate"] < broke["stable"]
    now = page.ask("change", when=lambda now: "rate_changes" in now["address"], settings=retry["settings"])
    assert now["step"] == broke["step"]
    end = page.ask("run", when=lambda new: new["step"] > now["step"] and not new["running"], speed=0)
    assert end["facts"]["loss"]["value"] < now["facts"]["loss"]["value"]


def test_a_recorded_run_is_replayed_and_goes_on(tmp_path):
    run = fl.train(example("iris"), "species", runs=tmp_path, rate=0.2, epochs=6, batch=20, stop=None)
    page = Page(tmp_path, {run.name: run.path})
    page.do("open", run=run.name, show={"pictures": []})
    ready, now = page.until("ready"), page.until("now")
    assert ready["recorded"] is True
    assert now["last"] == len(run.trace) - 1
    at = page.ask("go", when=lambda now: now["step"] == 9, step=9)
    assert at["facts"]["loss"]["value"] == run.trace["loss"][9]
    beyond = page.forward(len(run.trace) + 4)
    longer = fl.train(example("iris"), "species", runs=tmp_path, rate=0.2, epochs=6, batch=20, stop=None, until=60)
    assert beyond["facts"]["loss"]["value"] == longer.trace["loss"][beyond["step"]]
    page.close()


def test_a_closed_tab_ends_the_worker(tmp_path):
    page = Page(tmp_path)
    page.open()
    page.do("run", speed=0)
    page.close()
    assert not page.thread.is_alive()


def test_a_fault_of_the_program_is_told_and_the_worker_lives(page, monkeypatch, capsys):
    page.open()

    def broken(*_):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("fallline.lab.worker.predict", broken)
    assert "a fault" in page.ask("predict", "wrong", row={})["text"]
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert page.forward(1)["step"] == 1


def test_a_warm_worker_has_compiled_the_first_scene(tmp_path):
    page = Page(tmp_path, warm=True)
    page.open()
    assert page.forward(2)["step"] == 2
    page.close()


def test_what_took_long_once_does_not_silence_a_run_at_full_speed():
    worker = object.__new__(Worker)
    worker._due = 0.0
    for _ in range(3):
        worker._rest(time.perf_counter() - 60)  # such as what had to be compiled first
    assert 0 < worker._due - time.perf_counter() <= LONGEST
