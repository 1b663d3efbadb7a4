import pytest
from PIL import Image

from training.experiments.report import _at_the_edge, plot, verdict
from training.experiments.study import Budget


def row(
    mean,
    std=0.1,
    seeds=3,
    entropy=None,
    smaller_is_better=True,
    metric="error",
    dataset="data",
    model="a model",
):
    return {
        "dataset": dataset,
        "protocol": "some way",
        "model": model,
        "metric": metric,
        "mean": mean,
        "std": std,
        "seeds": seeds,
        "entropy": entropy,
        "smaller_is_better": smaller_is_better,
    }


@pytest.mark.parametrize(
    ("ours", "rival", "expected"),
    [
        (row(1.0), row(1.2), "deviation: better in error."),
        (row(1.0), row(1.05), "deviation: **no difference** in error."),
        (row(1.0), row(1.2, std=0.3), "deviation: **no difference** in error."),
        (row(1.2), row(1.0), "deviation: **worse** in error."),
        (row(90, smaller_is_better=False), row(80, smaller_is_better=False), "better in error."),
        (row(80, smaller_is_better=False), row(90, smaller_is_better=False), "**worse** in error."),
        (row(1.0, seeds=1), row(1.2), "too few seeds"),
    ],
)
def test_says_plainly_how_ours_did(ours, rival, expected):
    assert expected in verdict([(ours, rival)])


def test_names_the_metrics_of_each_judgement_together():
    better = [(row(1.0, metric=name), row(2.0, metric=name)) for name in ("first", "second", "third")]
    worse = (row(2.0, metric="last"), row(1.0, metric="last"))
    assert verdict([*better, worse]).endswith("better in first, second and third; **worse** in last.")


@pytest.mark.parametrize(
    ("entropy", "mean", "rival", "expected"),
    [
        (
            0.99,
            1.0,
            "mean pooling",
            "is all but uniform, so it averages values as mean pooling does (entropy",
        ),
        (0.99, 1.0, "mean pooling + time code", "is all but uniform, so it averages values as mean pooling"),
        (0.99, 2.0, "mean pooling", "is all but uniform (entropy"),
        (0.99, 1.0, "softmax", "is all but uniform (entropy"),
        (0.5, 1.0, "mean pooling", "its choice helps no more than averaging (entropy"),
        (0.5, 2.0, "softmax", "its choice helps no more than the rival's (entropy"),
    ],
)
def test_says_what_attention_does_that_is_not_better(entropy, mean, rival, expected):
    assert expected in verdict([(row(mean, entropy=entropy), row(1.0, model=rival))])


def test_attention_that_is_better_somewhere_does_not_average_as_the_rival_does():
    pairs = [
        (row(1.0, entropy=0.99, metric=name), row(mean, metric=name, model="mean pooling"))
        for name, mean in (("first", 2.0), ("second", 1.0))
    ]
    assert "is all but uniform (entropy" in verdict(pairs)
    assert "entropy" not in verdict(pairs[:1])


def test_a_choice_that_helps_somewhere_is_not_said_to_help_nowhere():
    pairs = [(row(1.0, entropy=0.5, metric=f"{mean}"), row(mean, metric=f"{mean}")) for mean in (0.5, 2.0)]
    assert verdict(pairs).endswith("chooses among the steps (entropy 0.50 of that of equal weights).")


@pytest.mark.parametrize(("chosen", "told"), [([0.01], 1), ([0.003], 0), ([0.003, 0.01], 0)])
def test_says_where_the_largest_rate_was_the_best_for_most(chosen, told):
    models = [row(1.0, model=name) | {"learning_rates": chosen} for name in ("one", "other")]
    others = [row(1.0, model="third") | {"learning_rates": [0.003]}]
    assert len(_at_the_edge(models + others, Budget(epochs=1, rates=(0.003, 0.01)))) == told
    assert not _at_the_edge(models, Budget(epochs=1, rates=(0.01,)))


def test_leaves_a_table_of_one_model_out_of_the_picture_beside_others(tmp_path):
    compared, lone = [row(1.0), row(2.0)], [row(1.0, dataset="other data")]
    plot(compared, tmp_path / "compared.png")
    plot(compared + lone, tmp_path / "beside.png")
    plot(lone, tmp_path / "lone.png")
    compared_size, beside_size, lone_size = (
        Image.open(tmp_path / f"{name}.png").size for name in ("compared", "beside", "lone")
    )
    assert beside_size == compared_size
    assert lone_size[0] == compared_size[0]
