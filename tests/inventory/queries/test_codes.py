"""Codes are looked up without their case, by an index."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.queries.codes import taken_by_places, taken_by_products
from inventory.queries.scan import is_taken_code
from tests.factories.inventory import BarcodeFactory, LocationFactory, ProductFactory

pytestmark = pytest.mark.django_db


def test_an_index_serves_every_look_up_of_a_code() -> None:
    BarcodeFactory(code="Bar-1", product=ProductFactory(sku="Sku-1"))
    place = LocationFactory(code="Place-1", barcode="LOC-Place-1")
    with CaptureQueriesContext(connection) as asked:
        assert is_taken_code("bar-1", warehouse_id=place.warehouse_id)
        assert set(taken_by_products(["sku-1", "bar-1"])) == {"SKU-1", "BAR-1"}
        assert set(taken_by_places(["place-1", "loc-place-1"])) == {"PLACE-1", "LOC-PLACE-1"}
    used = set()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in asked.captured_queries:
            cursor.execute(f"EXPLAIN {query['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
            used |= set(re.findall(r"(?:using|on) (\w+_by_code|location_by_barcode)", plan))
    assert used == {"barcode_by_code", "location_by_code", "location_by_barcode"}
