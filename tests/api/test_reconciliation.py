"""Do the books balance, asked over REST."""

from __future__ import annotations

import pytest

from inventory.models import Stock
from inventory.queries.reconciliation import CHECKS
from tests.api.conftest import Caller, codes
from tests.factories.inventory import ProductFactory, site, stocked
from warehouse.core.actor import Role


@pytest.mark.django_db(transaction=True)
def test_the_books_are_proved():
    auditor, here, product = Caller(Role.AUDITOR), site(code="A"), ProductFactory(sku="MILK")
    stocked(product, here.shelf, 5)

    proved = auditor.get("stock/reconcile")
    assert (proved.status_code, proved.json()["ok"]) == (200, True)
    assert [check["name"] for check in proved.json()["checks"]] == [check.name for check in CHECKS]

    Stock.objects.update(quantity=7)
    found = auditor.get("stock/reconcile").json()
    assert found["ok"] is False
    wrong = {check["name"]: check["findings"] for check in found["checks"] if not check["agrees"]}
    assert [(f["sku"], f["warehouse"], f["field"], f["stored"], f["computed"]) for f in wrong["stock"]] == [
        ("MILK", "A", "quantity", "7.000", "5.000")
    ]
    assert Stock.objects.get().quantity == 7  # it proves, and repairs nothing


@pytest.mark.django_db
def test_who_may_ask():
    for role in Role:
        if role not in (Role.MANAGER, Role.AUDITOR, Role.VIEWER):
            assert codes(Caller(role).get("stock/reconcile")) == (403, "permission_denied")
    assert codes(Caller(Role.AUDITOR).post("stock/reconcile"))[0] == 405
