"""The ledger, as pages and as CSV."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from inventory.models import Movement
from inventory.queries.movement_export import COLUMNS
from tests.factories.fulfillment import order_for
from tests.factories.inventory import ProductFactory, site, stocked
from warehouse.core.actor import Actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger():
    product, here = ProductFactory(sku="=MILK"), site(code="A")
    other = ProductFactory(sku="BREAD")
    stocked(product, here.shelf, 9, lot="+L1", actor=Actor.system("@evil"))
    stocked(other, here.shelf, 3)
    order_for([(product, 2)], external_id="A1")
    return product


def test_filters(manager, ledger):
    def types(**query: object) -> list[str]:
        return [row["type"] for row in manager.get("movements", **query).json()["results"]]

    assert types() == ["reservation", "receiving", "receiving"]
    assert types(sku="bread") == ["receiving"]
    assert types(type=["reservation", "sale"]) == ["reservation"]
    assert types(order_ref="listings:A1") == ["reservation"]
    assert types(product=ledger.pk, document_type="receiving") == ["receiving"]
    assert types(warehouse="A", location="A-01", lot_number="+L1") == ["reservation", "receiving"]
    now = timezone.now()
    assert types(occurred_from=(now - timedelta(hours=1)).isoformat(), occurred_to=now.isoformat()) == types()
    assert types(occurred_to=(now - timedelta(hours=1)).isoformat()) == []
    row = manager.get("movements", order_ref="listings:A1").json()["results"][0]
    assert (row["quantity_change"], row["reserved_change"], row["quantity_after"], row["reserved_after"]) == ("0.000", "2.000", "9.000", "2.000")
    assert row["reservation"] is not None


def test_csv_that_no_spreadsheet_runs(manager, ledger):
    response = manager.get("movements/export", product=ledger.pk, ordering="id")
    assert response["Content-Disposition"] == 'attachment; filename="movements.csv"'
    assert response.streaming
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["type"], row["sku"], row["lot_number"], row["quantity_change"], row["performed_by"]) for row in rows] == [
        ("receiving", "'=MILK", "'+L1", "9.000", "'@evil"),
        ("reservation", "'=MILK", "'+L1", "0.000", "tests"),
    ]
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == Movement.objects.filter(product=ledger).count()
    assert manager.get("movements/export", colour="red").status_code == 400
