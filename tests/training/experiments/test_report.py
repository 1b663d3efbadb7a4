import pytest

from training.experiments.report import verdict


def row(mean, std=0.1, seeds=3, entropy=None, smaller_is_better=True):
    return {
        "model": "a model",
        "metric": "error",
        "mean": mean,
        "std": std,
        "seeds": seeds,
        "entropy": entropy,
        "smaller_is_better": smaller_is_better,
    }


@pytest.mark.parametrize(
    ("ours", "rival", "expected"),
    [
        (row(1.0), row(1.2), "better beyond"),
        (row(1.0), row(1.05), "no difference beyond"),
        (row(1.0), row(1.2, std=0.3), "no difference beyond"),
        (row(1.2), row(1.0), "worse beyond"),
        (row(90, smaller_is_better=False), row(80, smaller_is_better=False), "better beyond"),
        (row(80, smaller_is_better=False), row(90, smaller_is_better=False), "worse beyond"),
        (row(1.0, seeds=1), row(1.2), "too few seeds"),
    ],
)
def test_says_plainly_how_ours_did(ours, rival, expected):
    assert expected in verdict(ours, rival)


def test_says_why_ours_is_not_better():
    assert "all but uniform" in verdict(row(1.0, entropy=0.99), row(1.0))
    assert "chooses among the steps" in verdict(row(1.0, entropy=0.5), row(1.0))
    assert "entropy" not in verdict(row(1.0, entropy=0.99), row(2.0))
