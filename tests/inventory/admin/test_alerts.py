"""Alerts at the back office."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.enums import Severity
from inventory.models import Alert, AlertMessage
from inventory.services.alerts import acknowledge_alert, open_alert, resolve_alert
from tests.factories.inventory import ACTOR, SellerFactory, site
from tests.factories.office import clerk, listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


def alert(subject: str, **more: Any) -> Alert:
    return open_alert("low_stock", subject, message=f"MILK is low ({subject})", actor=ACTOR, **more)


def test_open_ones_first(db: None) -> None:
    first, second = alert("a"), alert("b", severity=Severity.CRITICAL)
    alert("c")
    resolve_alert("low_stock", "c", actor=ACTOR)
    acknowledge_alert(first.pk, actor=ACTOR)
    manager = office(Role.MANAGER)
    answer = manager.get(listing(Alert))
    assert [row.subject for row in answer.context["cl"].result_list] == ["b", "a", "c"]
    text = answer.content.decode()
    for shown in ("low stock", "looked after", "resolved", "critical"):
        assert shown in text
    for state, expected in (("open", ["b", "a"]), ("new", ["b"]), ("resolved", ["c"])):
        assert [row.subject for row in manager.get(listing(Alert), {"state": state}).context["cl"].result_list] == expected
    assert second.severity == "critical"


def test_somebody_looks_after_it() -> None:
    row = alert("a")
    AlertMessage.objects.create(alert=row, channel="json-12345678", attempts=2, last_error="The channel did not take the message.")
    receiver = office(Role.RECEIVER)
    assert steps_offered(receiver, row) == ["acknowledge"]
    assert take(receiver, row, "acknowledge", version=-1).status_code == 302
    row.refresh_from_db()
    assert row.acknowledged_by is not None
    assert steps_offered(receiver, row) == []
    assert take(office(Role.MANAGER), row, "acknowledge", version=-1).context["error"].code == "conflict"
    assert "json-12345678" in office(Role.MANAGER).get(page(row)).content.decode()
    assert "json-12345678" not in receiver.get(page(row)).content.decode()
    assert office(Role.MANAGER).post(page(row), {"message": "forged"}).status_code == 403


def test_who_sees_them() -> None:
    own = SellerFactory()
    seller = clerk(Role.SELLER)
    own.members.add(seller)
    mine = alert("mine", warehouse_id=site(seller=own).id)
    alert("other", warehouse_id=site().id)
    alert("of nobody")
    client = Client()
    client.force_login(seller)
    assert [row.pk for row in client.get(listing(Alert)).context["cl"].result_list] == [mine.pk]
    assert steps_offered(client, mine) == []
    assert office(Role.PICKER).get(listing(Alert)).status_code == 403


def test_the_list_in_a_constant_number_of_statements() -> None:
    manager, counts = office(Role.MANAGER), []
    for many in (1, 9):
        for n in range(many):
            alert(f"{many}-{n}", warehouse_id=site().id)
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(listing(Alert)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12
