"""The feed of what happened."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, site, stocked
from warehouse.core.actor import Role
from warehouse.outbox.models import FeedEnd, OutboxEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def events():
    stocked(ProductFactory(), site().shelf, 9)
    rows = list(OutboxEvent.objects.order_by("sequence"))
    for position, row in enumerate(reversed(rows[1:]), start=1):  # published in another order than written; the first one not yet
        OutboxEvent.objects.filter(pk=row.pk).update(position=position)
    return list(reversed(rows[1:]))


def test_read_on_from_where_you_stopped(integration, events):
    assert len(events) >= 3
    first = integration.get("events", limit=2).json()
    assert [event["id"] for event in first["events"]] == [str(event.id) for event in events[:2]]
    assert (first["position"], first["events"][0]["type"], first["events"][0]["data"]) == (2, events[0].type, events[0].payload)
    rest = integration.get("events", after=first["position"]).json()
    assert [event["position"] for event in rest["events"]] == list(range(3, len(events) + 1))
    assert integration.get("events", after=len(events)).json() == {"position": len(events), "events": []}


def test_who_has_read_all_reads_on_after_it_is_archived(integration, events):
    read = len(events)
    FeedEnd.objects.create(position=read)  # as the relay keeps it
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL wms.archiving = 'on'; DELETE FROM outbox_outboxevent; RESET wms.archiving")
    assert integration.get("events", after=read).json() == {"position": read, "events": []}


def test_by_type(integration, events):
    types = {event["type"] for event in integration.get("events", type="stock").json()["events"]}
    assert types
    assert all(name.startswith("stock.") for name in types)
    assert {event["type"] for event in integration.get("events", type=events[0].type).json()["events"]} == {events[0].type}


def test_events_of_other_types_are_passed_by(integration, events, monkeypatch):
    assert integration.get("events", type="nothing").json() == {"position": len(events), "events": []}
    monkeypatch.setattr("warehouse.outbox.feed.WINDOW", 1)
    wanted = events[-1].type
    assert events[0].type != wanted
    assert integration.get("events", type=wanted).json() == {"position": 1, "events": []}
    after, found = 0, []
    for step in range(1, len(events) + 1):
        answer = integration.get("events", type=wanted, after=after, limit=1).json()
        after, found = answer["position"], found + [event["id"] for event in answer["events"]]
        assert after == step
    assert found == [str(event.id) for event in events if event.type == wanted]


def test_nobody_has_read_what_was_not_published_yet(integration, events):
    for beyond in (len(events) + 1, 2**63 - 1):
        answer = integration.get("events", after=beyond)
        assert codes(answer) == (409, "conflict")
        assert answer.json()["data"] == {"newest": len(events)}


def test_who_may_and_what_is_refused(events):
    assert Caller(Role.PICKER).get("events").status_code == 403
    viewer = Caller(Role.VIEWER)
    for query in ({"after": "-1"}, {"after": "x"}, {"limit": "0"}, {"limit": "1001"}, {"since": "0"}):
        assert codes(viewer.get("events", **query)) == (400, "validation_failed")
