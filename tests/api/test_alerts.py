"""Alerts over HTTP."""

from __future__ import annotations

import pytest

from inventory.enums import Severity
from inventory.services.alerts import open_alert, resolve_alert
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ACTOR, ProductFactory, SellerFactory, site
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def alerts():
    here, milk = site(code="A"), ProductFactory(sku="MILK")
    low = open_alert("low_stock", "stock:1", message="low", data={"available": "2"}, warehouse_id=here.id, product_id=milk.pk, actor=ACTOR)
    out = open_alert("out_of_stock", "stock:2", message="out", severity=Severity.CRITICAL, warehouse_id=site(code="B").id, actor=ACTOR)
    gone = open_alert("partner", "carrier", message="away", actor=ACTOR)
    resolve_alert("partner", "carrier", actor=ACTOR)
    return low, out, gone


def test_the_list_and_its_filters(manager, alerts):
    def kinds(**query: str) -> list[str]:
        return [row["kind"] for row in manager.get("alerts", **query).json()["results"]]

    assert kinds() == ["partner", "out_of_stock", "low_stock"]
    assert kinds(open="true") == ["out_of_stock", "low_stock"]
    assert kinds(open="false") == ["partner"]
    assert kinds(severity="critical") == kinds(warehouse="B") == ["out_of_stock"]
    assert kinds(kind="low_stock", sku="milk", acknowledged="false", subject="stock:1") == ["low_stock"]
    assert kinds(acknowledged="true") == []
    shown = manager.get(f"alerts/{alerts[0].pk}").json()
    assert (shown["warehouse"], shown["sku"], shown["facts"], shown["count"], shown["resolved_at"]) == ("A", "MILK", {"available": "2"}, 1, None)


def test_somebody_looks_after_it(alerts):
    low, _, gone = alerts
    receiver = Caller(Role.RECEIVER)
    done = receiver.post(f"alerts/{low.pk}/acknowledge")
    assert (done.status_code, done.json()["acknowledged_by"]) == (200, receiver.user.username)
    assert codes(receiver.post(f"alerts/{low.pk}/acknowledge")) == (409, "conflict")
    assert codes(receiver.post(f"alerts/{gone.pk}/acknowledge")) == (409, "conflict")
    assert codes(receiver.post(f"alerts/{10**12}/acknowledge")) == (404, "not_found")
    assert codes(receiver.post(f"alerts/{low.pk}/acknowledge", {"by": "me"})) == (400, "validation_failed")


def test_a_seller_sees_those_of_the_own_sites(alerts):
    seller, own = Caller(Role.SELLER), SellerFactory()
    own.members.add(seller.user)
    mine = site(code="C", seller=own)
    here = open_alert("low_stock", "stock:3", message="low", warehouse_id=mine.id, actor=ACTOR)
    assert [row["id"] for row in seller.get("alerts").json()["results"]] == [here.pk]
    assert seller.get(f"alerts/{alerts[0].pk}").status_code == 404
    assert codes(seller.post(f"alerts/{here.pk}/acknowledge")) == (403, "permission_denied")
