"""Stock synchronisation on the command line: what is done, what is said, and the exit codes."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from stocksync.enums import ChannelMode, DiscrepancyKind
from stocksync.models import Channel, Discrepancy, PendingStockOperation, SyncReport
from stocksync.services.resolutions import resolve_discrepancy
from tests.factories.inventory import ACTOR, ProductFactory
from tests.factories.stocksync import ChannelFactory, channel_at, given_up, many_operations, owed, site
from tests.fulfillment.parcels import Clock
from tests.partners.fixtures import allegro_microservice
from tests.partners.server import PartnerServer

__all__ = ["allegro_microservice"]  # fixture

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> tuple[int, str, str]:
    """The exit code, what was written, and the error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), err.getvalue()


def told(*arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(*arguments, "--json")
    result: dict[str, Any] = json.loads(out)
    return code, result


# --- process_pending_operations ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_shop(allegro_microservice: PartnerServer) -> Channel:
    """A channel at a running marketplace."""
    return channel_at(site())


def known_there(server: PartnerServer, channel: Channel, operation: PendingStockOperation) -> None:
    server.partner.put_order(operation.order.external_id, account=channel.token_id)


def test_all_that_is_due_is_told(at_shop: Channel, allegro_microservice: PartnerServer) -> None:
    rows = [owed(at_shop) for _ in range(3)]
    for row in rows:
        known_there(allegro_microservice, at_shop, row)
    assert told("process_pending_operations", "--limit", "2") == (
        0,
        {"processed": 2, "succeeded": 2, "failed": 0, "max_retries_reached": 0, "failed_operations": 0, "interrupted": False, "ok": True},
    )
    code, out, _ = run("process_pending_operations")
    assert (code, out) == (0, "1 told: 1 succeeded, 0 wait for their next try, 0 for a person.\n")
    assert set(PendingStockOperation.objects.values_list("status", flat=True)) == {"completed"}


def test_what_failed_is_an_exit_code(at_shop: Channel) -> None:
    given_up(owed(at_shop))
    code, result = told("process_pending_operations")
    assert (code, result["failed_operations"], result["ok"]) == (1, 1, False)
    assert run("process_pending_operations")[2] == "Failed: 1 operation. Find out why, then retry or cancel."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["process_pending_operations", "--limit", "0"], "--limit 0: give a number of operations, 1 or more."),
        (["reconcile_channel"], "Give the code of a channel, or --all."),
        (["reconcile_channel", "shop", "--all"], "Give the code of a channel, or --all."),
        (["reconcile_channel", "nowhere"], "There is no channel 'nowhere'. Known: shop."),
        (["reconcile_channel", "shop"], "Channel shop is off: switch it on, or to shadow, to have it compared."),
        (["reconcile_channel", "--all", "--hours", "0"], "--hours 0: give more than 0 and no more than 8760."),
        (["reconcile_channel", "--all", "--hours", "nan"], "--hours nan: give more than 0 and no more than 8760."),
        (["sync_report", "--week", "last"], "--week 'last' is no ISO week: give one such as 2026-W46."),
        (["sync_report", "--week", "2026-W54"], "--week '2026-W54' is no ISO week: give one such as 2026-W46."),
        (["sync_report", "--week", "2999-W01"], "--week 2999-W01 has not begun."),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], says: str) -> None:
    ChannelFactory(code="shop", mode=ChannelMode.OFF)
    code, out, error = run(*arguments)
    assert (code, out, error) == (2, "", says)


# --- reconcile_channel -------------------------------------------------------------------------------------------------------------------


def test_both_sides_are_compared(at_shop: Channel, allegro_microservice: PartnerServer) -> None:
    ChannelFactory(mode=ChannelMode.OFF)
    assert told("reconcile_channel", at_shop.code) == (
        0,
        {
            "channels": {at_shop.code: {"compared": 0, "same": 0, "fixed": 0, "discrepancies": 0, "at_end": True}},
            "interrupted": False,
            "ok": True,
        },
    )
    Discrepancy.objects.create(channel=at_shop, order=owed(at_shop).order, kind=DiscrepancyKind.UNKNOWN_THERE, detail="gone")
    code, result = told("reconcile_channel", "--all", "--hours", "1.5")
    assert (code, list(result["channels"]), result["ok"]) == (1, [at_shop.code], False)
    assert run("reconcile_channel", "--all")[2] == "open: 1 discrepancy."


def test_a_marketplace_that_can_not_be_asked_stops_no_other(at_shop: Channel) -> None:
    away = ChannelFactory(code="a-away", base_url="http://127.0.0.1:9")
    code, result = told("reconcile_channel", "--all")
    assert code == 1
    assert "can't be reached" in result["channels"][away.code]["error"]
    assert result["channels"][at_shop.code]["compared"] == 0


# --- sync_report -------------------------------------------------------------------------------------------------------------------------


def test_the_last_week_is_kept_and_this_one_is_only_shown() -> None:
    channel = channel_at(site())
    code, out, _ = run("sync_report")
    assert code == 0
    assert f"{channel.code}: 0 operations" in out
    assert SyncReport.objects.count() == 1
    iso = timezone.localdate().isocalendar()
    code, result = told("sync_report", "--week", f"{iso.year}-W{iso.week:02d}")
    assert (code, result["over"], list(result["channels"])) == (0, False, [channel.code])
    assert SyncReport.objects.count() == 1


def test_what_is_open_is_an_exit_code_of_the_report() -> None:
    given_up(owed(channel_at(site())))
    iso = timezone.localdate().isocalendar()
    code, out, error = run("sync_report", "--week", f"{iso.year}-W{iso.week:02d}")
    assert (code, error) == (1, "Now: 1 failed operation, 1 open discrepancy.")
    assert "0.00% of 1 at first try; nothing was retried" in out


def test_the_exit_code_of_a_week_that_is_over_heals_and_its_report_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up(owed(channel_at(site())))
    clock = Clock(monkeypatch)
    clock.now += timedelta(days=7)
    code, first = told("sync_report")
    assert (code, first["all"]["still_owed"]) == (1, 1)
    assert first["now"] == {"failed_operations": 1, "open_discrepancies": 1, "ok": False}
    resolve_discrepancy(Discrepancy.objects.get().pk, "accept", note="closed", actor=ACTOR)
    clock.now += timedelta(hours=1)
    code, again = told("sync_report")
    assert code == 0
    assert again == first | {"now": {"failed_operations": 0, "open_discrepancies": 0, "ok": True}}
    assert f"as of {SyncReport.objects.get().made_at:%Y-%m-%d %H:%M} UTC, when this was made" in run("sync_report")[1]


# --- interrupted -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ctrl_c_ends_the_work_in_hand_and_tells(at_shop: Channel, allegro_microservice: PartnerServer, environment: dict[str, str]) -> None:
    many_operations(at_shop, 30, product=ProductFactory(), next_retry_at=timezone.now() - timedelta(minutes=1))
    allegro_microservice.fail("latency", seconds=0.3, times=None)
    env = environment | {"ALLEGRO_MICROSERVICE_BASE_URL": allegro_microservice.url, "ALLEGRO_MICROSERVICE_JWT_TOKEN": "token-for-tests"}
    command = [sys.executable, "manage.py", "process_pending_operations", "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=settings.BASE_DIR) as process:
        deadline = time.monotonic() + 60
        while not PendingStockOperation.objects.filter(attempts=1).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    result = json.loads(out)
    assert result["interrupted"], err
    assert 0 < result["processed"] < 30
    assert not PendingStockOperation.objects.filter(status="processing").exists()
