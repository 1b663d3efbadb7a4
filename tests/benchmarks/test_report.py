"""The report of the benchmarks."""

from pathlib import Path

import pytest

from benchmarks import report


def row(benchmark: str, value: float) -> report.Row:
    return {
        "benchmark": benchmark,
        "metric": f"{benchmark}.p50.vs_usual",
        "value": value,
        "unit": "ratio",
        "against": "the usual way",
        "date": "2026-01-01",
        "machine": "a machine",
        "versions": {"keras": "3"},
    }


DESCRIPTIONS = {"loop": "What a frame takes.", "memory": "What a layer needs."}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "REPORT", tmp_path / "benchmarks.md")
    return tmp_path / "benchmarks.md"


def test_one_benchmark_alone_leaves_the_others_sections(page: Path) -> None:
    report.write([row("loop", 1.5), row("memory", 2.5)], DESCRIPTIONS)
    report.write([row("loop", 3.5)], DESCRIPTIONS)
    text = page.read_text(encoding="utf-8")
    assert "| `loop.p50.vs_usual` | 3.5 |" in text
    assert "| `memory.p50.vs_usual` | 2.5 |" in text
    assert text.count("## loop") == text.count("## memory") == 1
    assert "1.5" not in text


def test_the_same_results_write_the_same_page(page: Path) -> None:
    report.write([row("loop", 1.5), row("memory", 2.5)], DESCRIPTIONS)
    first = page.read_text(encoding="utf-8")
    report.write([row("memory", 2.5)], DESCRIPTIONS)
    assert page.read_text(encoding="utf-8") == first


def test_a_benchmark_that_is_gone_leaves_the_page(page: Path) -> None:
    report.write([row("loop", 1.5), row("memory", 2.5)], DESCRIPTIONS)
    report.write([row("loop", 1.5)], {"loop": DESCRIPTIONS["loop"]})
    assert "memory" not in page.read_text(encoding="utf-8")
