"""The import rules of pyproject.toml break when they should."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LINT = Path(sys.executable).parent / "lint-imports"


def lint(tree: Path) -> str:
    done = subprocess.run([LINT, "--no-cache"], cwd=tree, env={**os.environ, "COLUMNS": "400"}, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in ("warehouse", "inventory", "fulfillment", "stocksync"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def imports(tree: Path, file: str, module: str) -> None:
    path = tree / file
    path.write_text(f"{path.read_text() if path.exists() else ''}\nimport {module}\n")


def test_what_must_not_be_imported_is_named(tree: Path) -> None:
    imports(tree, "warehouse/core/texts.py", "warehouse.dashboard")
    imports(tree, "warehouse/core/errors.py", "inventory.models")
    imports(tree, "warehouse/outbox/events.py", "warehouse.accounts.models")
    imports(tree, "inventory/locks.py", "warehouse.replay.stock")
    imports(tree, "inventory/enums.py", "warehouse.accounts.models")
    imports(tree, "fulfillment/flows.py", "inventory.services.picks")
    said = lint(tree)
    assert " 0 broken" not in said
    for broken in (
        "warehouse.core.texts -> warehouse.dashboard",
        "warehouse.core.errors -> inventory.models",
        "warehouse.outbox.events -> warehouse.accounts.models",
        "inventory.locks -> warehouse.replay.stock",
        "inventory.enums -> warehouse.accounts.models",
        "fulfillment.flows -> inventory.services.picks",
    ):
        assert broken in said, said


def test_a_new_module_of_the_site_needs_a_layer(tree: Path) -> None:
    imports(tree, "warehouse/brand_new.py", "json")
    said = lint(tree)
    assert "1 broken" in said
    assert "brand_new" in said
