"""A scene stands in an address, comes out of it the same, and is said to be wrong in two lines."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.errors import SettingsError
from fallline.fields import Settings
from fallline.lab.scene import DEFAULTS, Scene, scene_of
from fallline.settings import check

numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(min_size=1, max_size=20)
VALUES = {
    "model": st.sampled_from(["linear", "mlp:8,8"]),
    "init": st.lists(numbers, min_size=1, max_size=4).map(lambda ws: "at:" + ",".join(map(repr, ws))),
    "bias": st.booleans(),
    "rate": st.one_of(st.just("auto"), st.floats(1e-9, 1e9)),
    "rate_changes": st.one_of(st.none(), st.just("200:0.05,400:1e-07")),
    "batch": st.one_of(st.sampled_from(["auto", "full"]), st.integers(1, 10**6)),
    "steps": st.one_of(st.none(), st.integers(1, 10**6)),
    "clip": st.one_of(st.none(), st.floats(1e-6, 1e6)),
    "stop": st.sampled_from([None, "plateau", "plateau,patience:5"]),
    "precision": st.sampled_from([32, 64]),
    "seed": st.integers(0, 2**63 - 1),
}
scenes = st.builds(
    Scene,
    table=st.sampled_from(["one_weight", "iris", "upload-00ff", "run:2026-11-23-a b&c"]),
    target=st.one_of(st.none(), words),
    types=st.dictionaries(words, st.sampled_from(["number", "category", "ignore"]), max_size=3),
    points=st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 500)), numbers, numbers), max_size=4).map(tuple),
    settings=st.fixed_dictionaries({}, optional=VALUES),
    step=st.integers(0, 10**9),
)


@given(scenes)
def test_a_scene_comes_back_from_its_address_as_it_was(scene):
    assert Scene.from_query("#" + scene.to_query()) == scene


@given(scenes)
def test_what_the_page_alone_reads_is_passed_over(scene):
    assert Scene.from_query(scene.to_query() + "&show=loss&hide=rate,batch&present=1") == scene


def test_an_address_is_readable():
    scene = Scene(table="iris", settings={"rate": 0.1, "seed": 3}, step=40)
    assert scene.to_query() == "table=iris&rate=0.1&seed=3&step=40"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("rate=fast", "learning rate"),
        ("table=../secret", "table"),
        ("table=run:../../etc", "table"),
        ("step=-1", "step"),
        ("precision=16", "bits"),
        ("point=1,2", "points"),
        ("point=0,nan,1", "points"),
    ],
)
def test_an_address_that_will_not_do_is_told_in_two_lines(address, said):
    with pytest.raises(SettingsError, match=said) as error:
        Scene.from_query(address)
    assert len(str(error.value).splitlines()) <= 2


def test_an_unknown_setting_in_plain_data_is_refused():
    with pytest.raises(SettingsError, match="no setting ratee"):
        scene_of({"settings": {"ratee": 1}})


def test_the_first_scene_is_one_weight_and_its_start_is_left_where_the_model_is_another():
    assert check(**Scene().asked()).init == DEFAULTS["one_weight"]["init"]
    assert check(**Scene(settings={"model": "mlp:4"}).asked()).init == "auto"
    assert check(**Scene(settings={"bias": True}).asked()).init == "auto"


def test_only_what_differs_from_what_the_table_opens_with_is_kept():
    scene = Scene().with_settings({"rate": 0.3, "seed": 1})
    assert scene.settings == {"seed": 1}
    assert scene.with_settings({"seed": 0}).settings == {}


def test_every_setting_can_stand_in_an_address():
    for name, field in Settings.model_fields.items():
        scene = Scene(settings={name: field.default})
        assert Scene.from_query(scene.to_query()) == scene


def test_a_start_weight_comes_back_to_the_last_bit():
    values = [0.1, -1 / 3, math.pi * 1e-12]
    scene = Scene(settings={"init": "at:" + ",".join(map(repr, values))})
    assert [float(v) for v in Scene.from_query(scene.to_query()).settings["init"][3:].split(",")] == values
