"""The one direction of imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("models", "controller", "sim_bridges", "training")
"""From the bottom to the top: a room may import itself and those before it."""
LAYER_PARTS = (
    *("call_inputs", "chunking", "equation", "factorised", "gates"),
    *("horizons", "masking", "queries", "solvers", "streaming"),
)
"""Modules of the layer; `compiling` alone knows a backend, where that backend runs."""


def imported_rooms(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.split(".")[0] for name in names} & set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_imports_upwards(room):
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    files = list((ROOT / room).rglob("*.py"))
    assert files
    offenders = {str(path): extra for path in files if (extra := imported_rooms(path) - allowed)}
    assert not offenders


def test_bridges_do_not_know_each_other():
    bridges = [path for path in (ROOT / "sim_bridges").iterdir() if (path / "__init__.py").exists()]
    assert len(bridges) >= 2
    for bridge in bridges:
        for path in bridge.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not [b.name for b in bridges if b != bridge and f"sim_bridges.{b.name}" in text], path


def test_recordings_do_not_know_who_replays_them():
    files = list((ROOT / "sim_bridges" / "udacity" / "recording").rglob("*.py"))
    assert files
    for path in files:
        assert "udacity.replay" not in path.read_text(encoding="utf-8"), path


def test_the_layer_is_written_for_any_backend():
    for name in ("lan", *LAYER_PARTS):
        text = (ROOT / "models" / f"{name}.py").read_text(encoding="utf-8")
        assert "tensorflow" not in text, name
