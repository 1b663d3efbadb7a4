from collections import Counter

import numpy as np
import pytest

from benchmarks.profiles import LARGEST, _in_words, _layer, _own_times_s, _rows


def test_the_dearest_function_comes_first_and_the_shares_add_up():
    times_s = Counter({"a": 1.0, "b": 5.0, "c": 3.0, "d": 1.0})
    rows = _rows("work", times_s)
    assert [(row["metric"], row["against"], row["value"]) for row in rows[:2]] == [
        ("profiles.work.1", "b", 50.0),
        ("profiles.work.2", "c", 30.0),
    ]
    assert len(rows) == LARGEST


def test_a_function_that_is_no_python_is_told_with_its_caller():
    matrix = np.ones((300, 300))
    times_s = _own_times_s(lambda: [np.linalg.det(matrix) for _ in range(20)] and sorted([2, 1]))
    assert any("`built-in method builtins.sorted`, called by `<lambda>`" in words for words in times_s)
    assert any("`det` in numpy/linalg/" in words for words in times_s)
    assert all(own_s >= 0 for own_s in times_s.values())


def test_a_function_of_the_project_is_told_with_its_module():
    assert _in_words((__file__, 1, "work"), {}) == "`work` in tests/benchmarks/test_profiles.py"


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("lan_driver_1/frame_encoder_1/conv2d_1/Relu", "layer frame_encoder, forwards and backwards"),
        ("gradient_tape/lan_driver/lan_1/Tensordot/MatMul", "layer lan, forwards and backwards"),
        ("adam/mul", "outside of the layers: loss, optimizer, input"),
    ],
)
def test_an_operation_belongs_to_a_layer(path, layer):
    assert _layer(path) == layer
