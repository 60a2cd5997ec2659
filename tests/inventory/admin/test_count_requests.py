"""Places to be counted, at the back office."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Audit, CountRequest
from inventory.orchestrator import request_count
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked
from tests.factories.office import listing, office, page, steps_offered, take
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Site:
    return site(code="MAIN", external_id="1")


def asked(house: Site) -> CountRequest:
    product = ProductFactory()
    stocked(product, house.shelf, 5)
    return request_count(house.shelf.pk, product.pk, reason="two are missing", actor=ACTOR)


def test_open_ones_first_and_closed_without_a_count(house: Site) -> None:
    first, second = asked(house), asked(house)
    auditor = office(Role.AUDITOR)
    assert steps_offered(auditor, first) == ["count-places", "dismiss"]
    assert take(auditor, first, "dismiss", version=-1, reason="found").status_code == 302
    answer = auditor.get(listing(CountRequest))
    assert [row.pk for row in answer.context["cl"].result_list] == [second.pk, first.pk]
    for shown in ("A-01 · MAIN", "two are missing", "closed without a count"):
        assert shown in answer.content.decode()
    for state, rows in (("open", [second.pk]), ("dismissed", [first.pk]), ("counted", [])):
        assert [row.pk for row in auditor.get(listing(CountRequest), {"state": state}).context["cl"].result_list] == rows
    assert steps_offered(auditor, first) == []
    assert "found" in auditor.get(page(first)).content.decode()


def test_an_audit_of_them(house: Site) -> None:
    row = asked(house)
    auditor = office(Role.AUDITOR)
    assert take(auditor, row, "count_places", version=-1).status_code == 302
    assert Audit.objects.get().lines.count() == 1
    assert take(auditor, row, "count_places", version=-1).context["error"].code == "conflict"


def test_who_sees_and_does(house: Site) -> None:
    row = asked(house)
    picker = office(Role.PICKER)
    assert picker.get(page(row)).status_code == 200
    assert steps_offered(picker, row) == []
    assert take(picker, row, "dismiss", version=-1, reason="x").status_code == 403
    assert office(Role.SELLER).get(listing(CountRequest)).status_code == 403


def test_statements(house: Site) -> None:
    manager, spent = office(Role.MANAGER), []
    for _ in range(2):
        asked(house)
        asked(house)
        with CaptureQueriesContext(connection) as queries:
            manager.get(listing(CountRequest))
        spent.append(len(queries))
    assert spent[0] == spent[1] <= 12
