"""How right the books were, in lines, units and money."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Batch
from inventory.orchestrator import complete_audit
from inventory.queries.audit_report import Money, Units, audit_report
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.counting import count, running

pytestmark = pytest.mark.django_db


def test_units_and_currencies_are_never_added_up(house: Site) -> None:
    bread, apples = ProductFactory(), ProductFactory(base_unit="kg", quantity_step=Decimal("0.001"))
    rows = [stocked(bread, house.shelf, 10, lot="A"), stocked(bread, house.shelf, 10, lot="B"), stocked(apples, house.dock, "4.5")]
    stocked(bread, house.quarantine, 3)
    Batch.objects.update(purchase_price=2)
    Batch.objects.filter(product=apples).update(currency="RSD", purchase_price=Decimal(100))
    audit = running(house)
    for row, counted in zip(rows, ("8", "10", "4.95"), strict=True):
        count(audit, row, counted)

    before = audit_report(audit)
    audit = complete_audit(audit.pk, actor=ACTOR)
    with CaptureQueriesContext(connection) as queries:
        report = audit_report(audit)

    assert report == before
    assert len(queries) == 6
    assert (report.lines, report.counted, report.right, report.uncounted, report.to_recount, report.found, report.accuracy) == (
        4, 3, 1, 1, 0, 0, Decimal("33.33"),
    )  # fmt: skip
    assert report.units == [Units("kg", Decimal("4.5"), Decimal(0), Decimal("0.45")), Units("pcs", Decimal(20), Decimal(2), Decimal(0))]
    assert [row.accuracy for row in report.units] == [Decimal(90), Decimal(90)]
    assert report.money == [Money("EUR", Decimal(-4), Decimal(0)), Money("RSD", Decimal(0), Decimal(45))]
    assert [(row.location, row.counted, row.right, row.accuracy, row.money) for row in report.places] == [
        ("A-01", 2, 1, 50, [Money("EUR", Decimal(-4), Decimal(0))]),
        ("DOCK", 1, 0, 0, [Money("RSD", Decimal(0), Decimal(45))]),
        ("QUAR", 0, 0, None, []),
    ]


def test_a_report_of_nothing(house: Site) -> None:
    report = audit_report(running(house))
    assert (report.lines, report.accuracy, report.units, report.money, report.places) == (0, None, [], [], [])


def test_more_missing_than_there_was_is_no_less_than_nothing(house: Site) -> None:
    row = stocked(ProductFactory(), house.shelf, 2)
    audit = running(house, recount_above_percent=Decimal(9999))
    count(audit, row, 20)
    assert [units.accuracy for units in audit_report(audit).units] == [0]
