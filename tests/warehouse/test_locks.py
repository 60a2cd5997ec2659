"""What a server installs is what was tested, without the tools."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ]+)", (ROOT / name).read_text(), re.MULTILINE))


def test_a_server_gets_the_tested_versions_and_no_tools() -> None:
    run, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert run.items() <= dev.items()
    assert {"django", "celery", "gunicorn"} <= run.keys()
    assert not {"pytest", "playwright", "hypothesis", "ruff", "mypy", "uv", "factory-boy", "import-linter"} & run.keys()


def test_the_locks_name_no_host_and_every_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert all("--hash=sha256:" in block for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE) if block.strip())
