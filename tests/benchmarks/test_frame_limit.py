import keras
import pytest

from benchmarks.frame_limit import _products, arithmetic


@pytest.fixture
def network():
    """Two convolutions: 4 x 6 pixels of 3 x 3 x 3 values for 8 filters, then 2 x 4 of 3 x 3 x 8 for 5."""
    frames = keras.Input((6, 8, 3))
    hidden = keras.layers.Conv2D(8, 3)(frames)
    return keras.Model(frames, keras.layers.Conv2D(5, 3)(hidden))


def test_a_convolution_is_a_product_of_pixels_kernel_and_filters(network):
    assert _products(network) == [(24, 27, 8), (8, 72, 5)]


def test_the_arithmetic_counts_all_operations(network):
    found = arithmetic(network, threads=1)
    products, biases = 2 * (24 * 27 * 8 + 8 * 72 * 5), 24 * 8 + 8 * 5
    assert found.operations == products + biases
    assert found.seconds == pytest.approx(found.operations / found.operations_per_s)
    assert found.seconds > 0.0
    assert found.products_s > 0.0
