"""Every threshold of stock synchronisation is a setting of its own, with the plan's default; nonsense stops the start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

DEFAULTS = {
    "STOCK_SYNC_RETRY_MAX_ATTEMPTS": 5,
    "STOCK_SYNC_RETRY_INITIAL_DELAY": 60,
    "STOCK_SYNC_RETRY_MAX_DELAY": 3600,
    "STOCK_SYNC_RETRY_EXPONENTIAL_BASE": 2.0,
    "STOCK_SYNC_RETRY_JITTER": True,
    "STOCK_SYNC_RECONCILIATION_INTERVAL_MINUTES": 30,
    "STOCK_SYNC_RECONCILIATION_WINDOW_HOURS": 72,
    "STOCK_SYNC_RECONCILIATION_BATCH_SIZE": 100,
    "STOCK_SYNC_RECONCILIATION_AUTO_FIX_THRESHOLD_HOURS": 24,
    "STOCK_SYNC_MONITORING_WARN_PENDING_OPERATIONS": 100,
    "STOCK_SYNC_MONITORING_MAX_PENDING_OPERATIONS": 1000,
    "STOCK_SYNC_MONITORING_FAILURE_RATE": 0.1,
    "STOCK_SYNC_MONITORING_FAILURE_WINDOW_MINUTES": 30,
    "STOCK_SYNC_MONITORING_STALE_OPERATION_HOURS": 6,
    "STOCK_SYNC_MONITORING_STALE_CHECK_MINUTES": 60,
    "STOCK_SYNC_MONITORING_ALERT_ON_FAILED_RETRIES": True,
    "STOCK_SYNC_KEEP_DAYS": 30,
}
SHOW = """
import json
from warehouse import settings
print(json.dumps({name: value for name, value in vars(settings).items() if name.startswith("STOCK_SYNC_")}))
"""


def started(**values: str) -> subprocess.CompletedProcess[str]:
    """A process that reads the settings with these variables, and no other of stock synchronisation."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_SYNC_")}
    environment |= {"DATABASE_URL": "postgres://unused/unused", "REDIS_URL": "redis://ours/0", **values}
    return subprocess.run([sys.executable, "-c", SHOW], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)


def test_the_defaults_are_the_plans_and_an_empty_value_is_the_default() -> None:
    done = started(**dict.fromkeys(DEFAULTS, ""))
    assert json.loads(done.stdout) == DEFAULTS


def test_every_one_can_be_set() -> None:
    given: dict[str, Any] = {name: not value if isinstance(value, bool) else value + 1 for name, value in DEFAULTS.items()}
    given["STOCK_SYNC_MONITORING_FAILURE_RATE"] = 0.25
    done = started(**{name: str(value) for name, value in given.items()})
    assert json.loads(done.stdout) == given, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFAULTS)
def test_nonsense_stops_the_start_and_is_named(name: str) -> None:
    for value in ("many", "-1", "nan"):
        done = started(**{name: value})
        assert done.returncode != 0
        assert f"{name}={value!r}" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLEGRO_MICROSERVICE_BASE_URL", "nonsense"),
        ("ALLEGRO_MICROSERVICE_BASE_URL", "ftp://example.test"),
        ("ALLEGRO_REST_BASE_URL", "http://name:hidden-word@example.test"),
        ("ALLEGRO_REST_BASE_URL", "http://example.test:port"),
        ("ALLEGRO_MICROSERVICE_JWT_TOKEN", "hidden-word b"),
    ],
)
def test_an_address_or_a_token_that_can_not_be_used_stops_the_start_unquoted(name: str, value: str) -> None:
    done = started(**{name: value})
    assert done.returncode != 0
    assert f"{name}: the " in done.stderr.splitlines()[-1]
    assert "hidden-word" not in done.stderr


def test_what_contradicts_itself_stops_the_start() -> None:
    longest = started(STOCK_SYNC_RETRY_INITIAL_DELAY="600", STOCK_SYNC_RETRY_MAX_DELAY="60")
    assert "STOCK_SYNC_RETRY_MAX_DELAY='60': give a whole number from 600 to 86400" in longest.stderr
    limit = started(STOCK_SYNC_MONITORING_WARN_PENDING_OPERATIONS="500", STOCK_SYNC_MONITORING_MAX_PENDING_OPERATIONS="400")
    assert "STOCK_SYNC_MONITORING_MAX_PENDING_OPERATIONS='400': give a whole number from 500" in limit.stderr


def test_the_operators_page_has_every_one_with_its_default() -> None:
    page = (settings.BASE_DIR / "docs" / "stock-sync.md").read_text()
    for name, value in DEFAULTS.items():
        shown = {True: "yes", False: "no"}.get(value, f"{value:g}") if isinstance(value, bool) else f"{value:g}"
        assert f"| `{name}` | {shown} |" in page, name


@pytest.mark.slow
def test_a_misspelt_setting_stops_the_start() -> None:
    assert "There is no setting STOCK_SYNC_RETRY_MAX_ATEMPTS." in started(STOCK_SYNC_RETRY_MAX_ATEMPTS="3").stderr
