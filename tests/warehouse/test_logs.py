"""What reaches the log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
REQUESTS = """
import django
django.setup()
import structlog
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS.append("testserver")
structlog.contextvars.bind_contextvars(order="order 7")
structlog.get_logger("wms").warning("Shelf life is short", batch=3)
structlog.contextvars.clear_contextvars()
Client().get("/healthz")
Client().get("/healthz/unknown")
"""


def logged(environment: dict[str, str], form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", REQUESTS], cwd=ROOT, env=environment | {"LOG_FORMAT": form}, capture_output=True, text=True, check=True
    )
    return [line for line in done.stderr.splitlines() if line]


def test_one_json_object_per_event_with_what_was_bound(environment: dict[str, str]) -> None:
    bound, request = [json.loads(line) for line in logged(environment, "json") if line.startswith("{")]
    assert bound.pop("timestamp").endswith("Z")
    assert bound == {"event": "Shelf life is short", "batch": 3, "order": "order 7", "logger": "wms", "level": "warning"}
    assert (request["event"], request["request"], request["code"], request["user_id"]) == ("request_finished", "GET /healthz/unknown", 404, None)
    assert len(request["request_id"]) == 36


def test_people_read_text(environment: dict[str, str]) -> None:
    assert any("Shelf life is short" in line and not line.startswith("{") for line in logged(environment, "console"))


def test_a_level_leaves_out_what_is_below_it(environment: dict[str, str]) -> None:
    lines = logged(environment | {"LOG_LEVEL": "ERROR"}, "json")
    assert [line for line in lines if line.startswith("{")] == []
