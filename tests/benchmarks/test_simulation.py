import numpy as np

from benchmarks.simulation import _mean_error, _took_s


def test_a_run_takes_from_the_first_begin_to_the_last_end():
    assert _took_s([(10.0, 12.0), (9.0, 11.0)]) == 3.0


def test_the_mean_error_is_a_share_of_the_full_range():
    black = np.zeros((2, 2, 3), np.uint8)
    white = np.full((2, 2, 3), 255, np.uint8)
    assert _mean_error(black, white) == _mean_error(white, black) == 1.0
    assert _mean_error(white, white) == 0.0
