"""Alerts on their way to the channels: against a real small server, with everything that goes wrong there."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Thread

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from inventory import channels, flows
from inventory.enums import Severity
from inventory.models import Alert, AlertMessage
from inventory.services import alert_messages
from inventory.services.alerts import open_alert, resolve_alert
from inventory.tasks import send_alerts_task
from tests.factories.inventory import ACTOR
from tests.partners.alert_channel import AlertChannel
from tests.partners.faults import Fault
from tests.partners.fixtures import TOKEN, alert_channel
from tests.partners.server import PartnerServer, running

__all__ = ["alert_channel"]

pytestmark = pytest.mark.django_db(transaction=True)


def alert(subject: str = "stock:7", severity: Severity = Severity.CRITICAL) -> Alert:
    return open_alert("out_of_stock", subject, message="MILK in MAIN is out of stock.", severity=severity, actor=ACTOR)


def due_now() -> None:
    AlertMessage.objects.filter(sent_at=None).update(next_attempt_at=timezone.now())


def test_one_message_per_alert_not_per_check(alert_channel: PartnerServer) -> None:
    alert()
    assert send_alerts_task() == 1
    alert()  # seen again
    assert send_alerts_task() == 0
    assert alert_channel.ledger.table("told") == [{"title": "CRITICAL: out of stock", "message": "MILK in MAIN is out of stock.", "type": "failure"}]
    message = AlertMessage.objects.get()
    assert (message.attempts, message.sent_at is not None, message.last_error) == (1, True, "")


def test_a_cause_that_comes_back_is_told_again(alert_channel: PartnerServer) -> None:
    for _ in range(2):
        alert()
        assert flows.send_alerts() == 1
        resolve_alert("out_of_stock", "stock:7", actor=ACTOR)
        assert flows.send_alerts() == 0
    assert alert_channel.ledger.count("told") == 2


@pytest.mark.parametrize("fault", [Fault("status", status=500), Fault("drop"), Fault("status", status=403)], ids=lambda fault: fault.kind)
def test_a_failing_channel_loses_nothing(alert_channel: PartnerServer, fault: Fault) -> None:
    alert()
    alert_channel.faults.add(fault)
    assert flows.send_alerts() == 0
    message = AlertMessage.objects.get()
    assert (message.attempts, message.sent_at, message.last_error) == (1, None, "The channel did not take the message.")
    assert message.next_attempt_at > timezone.now() - timedelta(seconds=1)
    due_now()
    assert flows.send_alerts() == 1
    assert (alert_channel.ledger.count("told"), AlertMessage.objects.get().attempts) == (1, 2)


def test_the_pause_grows_to_its_cap(db: None) -> None:
    alert()
    alert_messages.owe_messages(["json-1"], actor=ACTOR)
    message = AlertMessage.objects.get()
    for attempts, most in ((1, 10), (3, 40), (30, 600)):
        AlertMessage.objects.update(attempts=attempts)
        alert_messages.postpone_message(message.pk, "no", actor=ACTOR)
        message.refresh_from_db()
        assert timezone.now() - timedelta(seconds=1) < message.next_attempt_at <= timezone.now() + timedelta(seconds=most)


def test_what_was_not_told_in_time_is_not_told(alert_channel: PartnerServer) -> None:
    alert()
    alert_channel.faults.add(Fault("status", status=500))
    flows.send_alerts()
    resolve_alert("out_of_stock", "stock:7", actor=ACTOR)
    due_now()
    assert flows.send_alerts() == 0
    assert alert_channel.ledger.count("told") == 0


def test_one_bad_channel_does_not_keep_the_others_waiting(alert_channel: PartnerServer, settings: LazySettings) -> None:
    with running(AlertChannel) as other:
        second = f"{other.url.replace('http', 'json', 1)}/alerts/x"
        settings.ALERT_URLS = ["nonsense", "json://127.0.0.1:1/closed", *settings.ALERT_URLS, second]
        alert()
        assert flows.send_alerts() == 2
        due_now()
        assert flows.send_alerts() == 0
        assert (alert_channel.ledger.count("told"), other.ledger.count("told")) == (1, 1)
    errors = set(AlertMessage.objects.filter(sent_at=None).values_list("last_error", flat=True))
    assert errors == {"apprise does not understand this address in ALERT_URLS.", "The channel did not take the message."}


def test_a_new_channel_hears_of_what_is_open(alert_channel: PartnerServer, settings: LazySettings) -> None:
    urls = settings.ALERT_URLS
    settings.ALERT_URLS = []
    alert("stock:1")
    resolve_alert("out_of_stock", "stock:1", actor=ACTOR)
    alert("stock:2", Severity.WARNING)
    assert (flows.send_alerts(), AlertMessage.objects.count()) == (0, 0)
    settings.ALERT_URLS = urls
    assert flows.send_alerts() == 1
    assert [told["type"] for told in alert_channel.ledger.table("told")] == ["warning"]


def test_that_nobody_is_told_is_said_once(settings: LazySettings, caplog: pytest.LogCaptureFixture) -> None:
    settings.ALERT_URLS = []
    flows._say_that_nobody_is_told.cache_clear()
    for _ in range(3):
        flows.send_alerts()
    assert [record.message for record in caplog.records] == ["ALERT_URLS is empty: alerts are shown in the back office and sent to nobody."]


def test_the_address_is_a_secret(alert_channel: PartnerServer, settings: LazySettings, caplog: pytest.LogCaptureFixture) -> None:
    settings.ALERT_URLS = [*settings.ALERT_URLS, f"nonsense://{TOKEN}@x", f"tgram://{TOKEN}/1"]
    alert()
    alert_channel.faults.add(Fault("status", status=500), Fault("drop"))
    with caplog.at_level(logging.INFO):
        flows.send_alerts()
    stored = str(list(AlertMessage.objects.values()))
    assert TOKEN not in caplog.text + stored
    assert AlertMessage.objects.filter(sent_at=None).count() == 3
    assert "json-" in caplog.text
    assert set(channels.channels()) == set(AlertMessage.objects.values_list("channel", flat=True))


def test_nothing_is_sent_inside_a_transaction(alert_channel: PartnerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = flows.tell

    def tell(*args: str, **kwargs: str) -> None:
        seen.append(connection.in_atomic_block)
        real(*args, **kwargs)

    monkeypatch.setattr(flows, "tell", tell)
    alert()
    flows.send_alerts()
    assert seen == [False]


def test_what_another_worker_has_in_hand_is_passed_over(alert_channel: PartnerServer) -> None:
    for n in range(6):
        alert(f"stock:{n}")
    alert_channel.faults.add(Fault("latency", seconds=0.2, times=None))
    sent = []

    def work() -> None:
        try:
            sent.append(flows.send_alerts())
        finally:
            connection.close()

    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (sum(sent), alert_channel.ledger.count("told")) == (6, 6)


def test_a_worker_that_died_while_it_sent(alert_channel: PartnerServer) -> None:
    alert()
    names = list(channels.channels())
    alert_messages.owe_messages(names, actor=ACTOR)
    assert alert_messages.claim_message(names, actor=ACTOR) is not None
    assert flows.send_alerts() == 0  # it may still be at it
    due_now()
    assert flows.send_alerts() == 1
