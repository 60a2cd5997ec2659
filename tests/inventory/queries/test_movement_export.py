"""The ledger as CSV is one table, whoever writes it."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from django.core.management import call_command

from inventory.models import Movement
from inventory.orchestrator import OrderedLine, promise_order, release_reservation
from inventory.queries.movement_export import COLUMNS
from tests.api.conftest import Caller
from tests.factories.inventory import ACTOR, ProductFactory, site, stocked
from tests.factories.office import listing, office
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_table_in_the_office_over_http_and_from_the_command() -> None:
    product, here = ProductFactory(sku="=1+1"), site()
    stocked(product, here.shelf, 10, lot="+L1")
    reserved = promise_order("shop:1", [OrderedLine(product.pk, Decimal(3))], actor=ACTOR)[0]
    release_reservation(reserved.reservation_id, reason="@SUM(A1)", actor=ACTOR, for_order=True)
    out = io.StringIO()
    call_command("export_movements", "-", stdout=out, stderr=io.StringIO())
    chosen = {f"movementresource_{name}": "on" for name in COLUMNS}
    office_file = office(Role.MANAGER).post(listing(Movement) + "export/", {"format": "0", "resource": "", **chosen}).content.decode()
    sent = b"".join(Caller(Role.MANAGER).get("movements/export", ordering="id").streaming_content).decode("utf-8-sig")

    command, http, page = (list(csv.reader(io.StringIO(text, newline=""))) for text in (out.getvalue(), sent, office_file))

    assert command[0] == list(COLUMNS)
    assert len(command) == 4
    assert command == http
    assert [page[0], *sorted(page[1:], key=lambda row: int(row[0]))] == command
