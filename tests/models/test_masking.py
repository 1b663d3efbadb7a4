"""Masks and the softmax over what they admit."""

import numpy as np
from keras import ops

from models import masking


def test_intersection_ignores_absent_masks():
    a, b = np.array([[True, True, False]]), np.array([[1], [0]])
    assert masking.intersection(None, None) is None
    np.testing.assert_array_equal(masking.intersection(None, a), a)
    np.testing.assert_array_equal(masking.intersection(a, None, b), [[True, True, False], [False] * 3])


def test_causal_admits_the_past_and_the_present():
    np.testing.assert_array_equal(masking.causal(ops.arange(5), 5), np.tri(5, dtype=bool))


def test_window_counts_the_query_itself():
    expected = np.tri(6, dtype=bool) & ~np.tri(6, k=-3, dtype=bool)
    np.testing.assert_array_equal(masking.causal(ops.arange(6), 6, window=3), expected)
    np.testing.assert_array_equal(masking.causal(ops.arange(6)[-1:], 6, window=3), expected[-1:])


def test_softmax_over_admitted_keys_only():
    logits = np.float32([[1.0, 2.0, 3.0e38, -1.0]])
    mask = np.array([[True, True, False, True]])
    weights = ops.convert_to_numpy(masking.masked_softmax(logits, mask))
    exponentials = np.exp([1.0, 2.0, -1.0])
    np.testing.assert_allclose(weights[0, [0, 1, 3]], exponentials / exponentials.sum(), rtol=1e-6)
    assert weights[0, 2] == 0


def test_a_masked_key_weighs_nothing_however_low_the_others_are():
    weights = masking.masked_softmax(np.float32([[-1e5, 3.0]]), np.array([[True, False]]))
    np.testing.assert_array_equal(weights, [[1.0, 0.0]])


def test_row_without_keys_is_zero():
    weights = ops.convert_to_numpy(
        masking.masked_softmax(np.float32([[5.0, -3e38]]), np.zeros((1, 2), dtype=bool))
    )
    np.testing.assert_array_equal(weights, np.zeros((1, 2)))


def test_no_mask_is_a_plain_softmax():
    logits = np.float32([[0.5, -2.0, 4.0]])
    everything = masking.masked_softmax(logits, np.ones((1, 3), dtype=bool))
    np.testing.assert_array_equal(masking.masked_softmax(logits, None), everything)


def test_one_key_alone_has_all_the_weight():
    logits = np.float32([[7.0], [-3.0]])
    np.testing.assert_array_equal(masking.masked_softmax(logits, None), [[1.0], [1.0]])
