"""What is said of a noisy series agrees with what is known of white noise and of curves without any."""

from __future__ import annotations

import numpy as np
import pytest

from fallline.diagnosis.series import blocks, longest, noise, peaks, swings, tail

WHITE = np.random.default_rng(0).normal(size=20_000)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_noise_of_white_noise_is_its_standard_deviation_whatever_trend_it_rides_on(scale):
    trend = np.linspace(0, 50, len(WHITE))
    assert noise(scale * (WHITE + trend)) == pytest.approx(scale, rel=0.03)


def test_a_spike_does_not_change_the_noise_and_a_straight_line_has_none():
    spiked = WHITE.copy()
    spiked[500] = 1e9
    assert noise(spiked) == pytest.approx(noise(WHITE), rel=0.01)
    assert noise(np.linspace(3, 1, 50)) == pytest.approx(0, abs=1e-12)


def test_white_noise_turns_round_at_two_thirds_of_its_places():
    assert swings(WHITE).turns == pytest.approx(2 / 3, abs=0.01)
    assert swings(np.tile([1.0, 2.0], 20)).turns == 1
    assert swings(np.linspace(2, 1, 20)).turns == 0


def test_blocks_keep_the_mean_and_every_value_counts():
    values = np.arange(103.0)
    found = blocks(values, 10)
    assert len(found) == 10
    sizes = np.append(np.full(9, 10), 13)
    assert found @ sizes == pytest.approx(values.sum())


def test_the_tail_of_noise_is_no_fall_and_that_of_a_line_is_one():
    falls = [tail(part).surely for part in WHITE.reshape(100, 200) + 5]
    assert np.mean(np.abs(falls) < 2.5) > 0.9
    line = tail(np.linspace(2, 1, 100))
    assert line.fall == pytest.approx(0.0881, rel=0.01)
    assert line.surely > 100


def test_peaks_counts_rises_that_are_lost_again_and_longest_finds_the_longest_stretch():
    wave = np.cos(np.linspace(0, 10 * np.pi, 500))
    assert peaks(wave, 1.0) == 4
    assert peaks(np.linspace(1, 0, 50), 0.1) == 0
    assert longest(np.array([True, True, False, True])) == (0, 2)
    assert longest(np.zeros(3, bool)) == (0, 0)
