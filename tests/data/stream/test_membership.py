import numpy as np
import pytest

from fallline.data.stream.membership import membership
from fallline.errors import SettingsError


def test_appended_rows_leave_every_earlier_row_in_its_part():
    few = membership(np.arange(1_000), seed=3)
    assert np.array_equal(membership(np.arange(50_000), seed=3)[:1_000], few)


def test_a_row_is_in_the_same_part_whichever_chunk_it_comes_in():
    rows = np.arange(5_000)
    assert np.array_equal(membership(rows, seed=1)[777:], membership(rows[777:], seed=1))


def test_parts_come_out_near_to_their_shares_and_unlike_for_another_seed():
    part = membership(np.arange(100_000), seed=0, validation=0.1, test=0.3)
    assert np.allclose(np.bincount(part) / 100_000, [0.6, 0.1, 0.3], atol=0.005)
    other = membership(np.arange(100_000), seed=1, validation=0.1, test=0.3)
    assert abs((part == other).mean() - (0.36 + 0.01 + 0.09)) < 0.01  # as often alike as by chance


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.2), (float("nan"), 0.1)])
def test_shares_that_leave_nothing_to_train_on_are_refused(shares):
    with pytest.raises(SettingsError, match="add up to less than 1"):
        membership(np.arange(3), seed=0, validation=shares[0], test=shares[1])
