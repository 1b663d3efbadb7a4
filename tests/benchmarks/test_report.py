"""The report of the benchmarks."""

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.timing import median_row, row

MEASURED = {"date": "2026-01-01", "machine": "a machine", "versions": {"numpy": "2.0.0"}}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "REPORT", tmp_path / "benchmarks.md")
    return tmp_path / "benchmarks.md"


def write(name: str, *values: float) -> None:
    found = median_row(f"{name}.p50.vs_usual", values, "ratio", "the usual way")
    report.write(name, f"What {name} is.", [found | MEASURED])


def test_one_benchmark_alone_leaves_the_others_sections(page: Path) -> None:
    write("memory", 2.5)
    write("loop", 1.5)
    write("loop", 3.5)
    text = page.read_text(encoding="utf-8")
    assert "| `loop.p50.vs_usual` | 3.5 |" in text
    assert "| `memory.p50.vs_usual` | 2.5 |" in text
    assert text.count("## loop") == text.count("## memory") == 1
    assert text.index("## loop") < text.index("## memory")
    assert "1.5" not in text


def test_the_same_results_write_the_same_page(page: Path) -> None:
    write("memory", 2.5)
    write("loop", 1.5)
    first = page.read_text(encoding="utf-8")
    write("memory", 2.5)
    assert page.read_text(encoding="utf-8") == first


def test_a_median_stands_with_its_spread_and_a_single_figure_alone(page: Path) -> None:
    write("loop", 3.0, 1.0, 2.0)
    assert "| `loop.p50.vs_usual` | 2 | 1 | 3 | ratio |  | the usual way |" in page.read_text(
        encoding="utf-8"
    )
    single = row("memory.mb", 7, "MB", "nothing") | MEASURED
    report.write("memory", "What memory is.", [single])
    assert "| `memory.mb` | 7 |  |  | MB |  | nothing |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "asked", "told"),
    [
        (1.43, "<= 1.3", "<= 1.3, **missed**"),
        (1.3, "<= 1.3", "<= 1.3"),
        (59.9, ">= 60", ">= 60, **missed**"),
        (1.7, "<= 1.6 (goal 1.2)", "<= 1.6 (goal 1.2), **missed**"),
        (6e-7, "<= 1e-5", "<= 1e-5"),
        (250, "< 250", "< 250, **missed**"),
        (0.004, "<= 1/255", "<= 1/255, **missed**"),
        (5.0, "", ""),
    ],
)
def test_what_is_not_as_asked_is_marked(value: float, asked: str, told: str) -> None:
    assert report.asked(row("loop.ratio", value, "ratio", "nothing", asked)) == told


def test_a_result_names_what_computed_it(page: Path) -> None:
    write("loop", 1.0)
    assert f"with numpy {MEASURED['versions']['numpy']}." in page.read_text(encoding="utf-8")
