"""Counts at the back office: the paper in a form, the count by steps, the report when it may be seen."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inventory.models import Audit, AuditLine, Batch, Movement, Product, Stock
from inventory.services.audits import create_audit, start_audit
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.factories.office import clerk, dialog, listing, office, page, steps_offered, take
from tests.inventory.books import assert_books_balance
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor() -> Client:
    return office(Role.AUDITOR)


@pytest.fixture
def bread(house: Site) -> Product:
    product = ProductFactory(sku="BREAD", name="Bread")
    stocked(product, house.shelf, 10, lot="L")
    stocked(product, house.dock, 4, lot="M")
    Batch.objects.update(purchase_price=Decimal("1.50"))
    return product


@pytest.fixture
def running(house: Site, bread: Product) -> Audit:
    audit = create_audit(warehouse_id=house.id, recount_above_percent=Decimal(100), actor=ACTOR)
    return start_audit(audit.pk, actor=ACTOR)


def paper(house: Site, **more: Any) -> dict[str, Any]:
    return {
        "warehouse": house.id, "scope": "warehouse", "zone": "", "blind": "on", "recount_above_percent": "10", "notes": "",
        "lines-TOTAL_FORMS": 0, "lines-INITIAL_FORMS": 0,
    } | more  # fmt: skip


def line(audit: Audit, code: str) -> AuditLine:
    return AuditLine.objects.get(audit=audit, location__code=code)


def count(client: Client, audit: Audit, places: str, **counts: Any) -> Any:
    """Scan and enter, by the codes of the places."""
    take(client, audit, "scan", places=places)
    return take(client, audit, "counts", **{f"line-{line(audit, code.replace('_', '-')).pk}": quantity for code, quantity in counts.items()})


def test_a_paper_is_written_and_changed(auditor: Client, house: Site, bread: Product) -> None:
    answer = auditor.post(listing(Audit) + "add/", paper(house, scope="products", products=[bread.pk], notes="yearly"))
    assert answer.status_code == 302, answer.context and answer.context["adminform"].form.errors
    audit = Audit.objects.get()
    assert (audit.status, audit.scope, list(audit.products.all()), audit.blind, audit.created_by is not None) == (
        "draft",
        "products",
        [bread],
        True,
        True,
    )

    changed = auditor.post(page(audit), paper(house, scope="locations", locations=[house.shelf.pk], seen_version=1, blind=""))
    assert changed.status_code == 302
    audit = Audit.objects.get(pk=audit.pk)
    assert (audit.scope, audit.version, audit.blind, list(audit.locations.all()), audit.products.count()) == ("locations", 2, False, [house.shelf], 0)

    auditor.post(page(audit), paper(house, seen_version=1, notes="late"))
    audit = Audit.objects.get(pk=audit.pk)
    assert (audit.version, audit.notes) == (2, "")


def test_a_cycle_count_keeps_the_places_that_were_chosen(auditor: Client, house: Site, bread: Product) -> None:
    auditor.post(listing(Audit) + "add/", paper(house, scope="cycle"))
    assert {place.code for place in Audit.objects.get().locations.all()} == {"A-01", "DOCK"}


def test_a_scope_without_what_it_needs_is_told(auditor: Client, house: Site) -> None:
    answer = auditor.post(listing(Audit) + "add/", paper(house, scope="zone"), follow=True)
    assert "say which (zone)" in answer.content.decode()
    assert not Audit.objects.exists()


def test_from_the_start_to_the_report(auditor: Client, house: Site, bread: Product) -> None:
    audit = create_audit(warehouse_id=house.id, recount_above_percent=Decimal(100), actor=ACTOR)
    take(auditor, audit, "start")
    audit = Audit.objects.get(pk=audit.pk)
    count(auditor, audit, "A-01, DOCK", A_01="8", DOCK="")
    assert (line(audit, "A-01").status, line(audit, "DOCK").status) == ("counted", "pending")
    take(auditor, audit, "found", place="DOCK", scan="bread", quantity="2", lot_number="L")
    audit = Audit.objects.get(pk=audit.pk)
    take(auditor, audit, "complete", uncounted="zero")

    audit = Audit.objects.get(pk=audit.pk)
    assert (audit.status, Stock.objects.get().quantity) == ("completed", 8 + 2)
    shown = auditor.get(page(audit)).content.decode()
    assert "1 of 2 counted lines were right" not in shown
    assert "0 of 2 counted lines were right (0 %)" in shown
    assert "-6.00 EUR" in shown or "-3.00 EUR" in shown
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == ["Start", "Scan", "Counts", "Found", "Complete"]
    assert_books_balance()


def test_of_a_blind_count_only_managers_see_the_books(auditor: Client, running: Audit) -> None:
    count(auditor, running, "A-01", A_01="8")

    def told(client: Client) -> tuple[bool, bool]:
        text = client.get(page(running)).content.decode()
        return "column-books" in text or ">books<" in text.lower().replace("\n", "").replace(" ", ""), "counted lines were right" in text

    assert told(auditor) == (False, False)
    assert told(office(Role.VIEWER)) == (False, False)
    assert told(office(Role.MANAGER)) == (True, True)
    sheet = auditor.get(reverse("admin:inventory_audit_count_sheet", args=[running.pk])).content.decode()
    assert "Books" not in sheet
    take(auditor, running, "complete", version=Audit.objects.get().version, uncounted="untouched")
    assert told(auditor) == (True, True)


def test_the_count_sheet_lists_what_is_left(auditor: Client, running: Audit, house: Site) -> None:
    address = reverse("admin:inventory_audit_count_sheet", args=[running.pk])
    sheet = auditor.get(address).content.decode()
    assert sheet.index("A-01") < sheet.index("DOCK")
    assert "Bread" in sheet
    count(auditor, running, "A-01", A_01="10")
    assert "A-01" not in auditor.get(address).content.decode()
    Audit.objects.update(blind=False)
    assert "Books" in auditor.get(address).content.decode()
    assert auditor.get(reverse("admin:inventory_audit_count_sheet", args=[running.pk + 1])).status_code == 404
    assert office(Role.PICKER).get(address).status_code in (403, 404)


def test_only_possible_steps_are_offered_and_only_to_those_who_may(auditor: Client, house: Site, bread: Product) -> None:
    manager = office(Role.MANAGER)
    audit = create_audit(warehouse_id=house.id, recount_above_percent=Decimal(100), actor=ACTOR)
    assert steps_offered(auditor, audit) == ["start", "cancel"]
    assert steps_offered(office(Role.VIEWER), audit) == []
    take(auditor, audit, "start")
    assert steps_offered(auditor, audit) == ["scan", "found", "complete", "cancel"]
    take(auditor, audit, "scan", places="A-01")
    assert steps_offered(auditor, audit) == ["scan", "counts", "found", "complete", "cancel"]
    count(auditor, audit, "A-01", A_01="10")
    assert steps_offered(manager, audit) == ["scan", "found", "count-again", "complete", "cancel"]
    audit = Audit.objects.get(pk=audit.pk)
    take(auditor, audit, "complete", uncounted="untouched")
    assert steps_offered(manager, audit) == []
    assert auditor.post(page(audit), paper(house, seen_version=audit.version)).status_code == 403


def test_places_that_are_none_and_counts_that_are_none(auditor: Client, running: Audit, house: Site) -> None:
    # What can't be scanned leaves no other place scanned either.
    Audit.objects.filter(pk=running.pk).update(scope="locations")
    running.locations.set([house.shelf])
    answer = take(auditor, running, "scan", places="A-01 DOCK")
    assert "DOCK: not counted by" in answer.context["error"].detail
    assert not AuditLine.objects.exclude(scanned_at=None).exists()
    Audit.objects.filter(pk=running.pk).update(scope="warehouse")

    answer = take(auditor, running, "scan", places="A-01 NOWHERE")
    assert answer.context["form"].errors["places"] == ["No place here: NOWHERE."]
    assert AuditLine.objects.filter(scanned_at=None).count() == 2
    take(auditor, running, "scan", places="A-01")
    pk = line(running, "A-01").pk
    for wrong in ("-1", "0.5", "NaN", "1e30", "ten"):
        assert f"line-{pk}" in take(auditor, running, "counts", **{f"line-{pk}": wrong}).context["form"].errors
    assert take(auditor, running, "counts").context["form"].non_field_errors() == ["Enter at least one count."]
    # Lines that another one has scanned are not offered; a manager writes down what others counted.
    assert list(office(Role.AUDITOR).get(dialog(running, "counts")).context["form"].fields) == ["expected_version"]
    assert f"line-{pk}" in office(Role.MANAGER).get(dialog(running, "counts")).context["form"].fields
    assert AuditLine.objects.filter(counted_quantity=None).count() == 2


def test_a_refusal_names_every_line(auditor: Client, running: Audit) -> None:
    Audit.objects.update(recount_above_percent=0)
    count(auditor, running, "A-01 DOCK", A_01="9", DOCK="3")
    answer = take(auditor, Audit.objects.get(), "complete", uncounted="untouched")
    assert answer.context["error"].code == "count_again"
    assert [("A-01" in text, "DOCK" in text) for text in answer.context["error_data"]] == [(True, False), (False, True)]
    assert not Movement.objects.filter(type="adjustment").exists()


def test_a_manager_sends_lines_back(running: Audit) -> None:
    manager = office(Role.MANAGER)
    count(manager, running, "A-01 DOCK", A_01="9", DOCK="4")
    offered = manager.get(dialog(running, "count_again")).context["form"].fields["line_ids"].choices
    assert [label for _, label in offered] == ["A-01, BREAD, lot L: 9 (-1)", "DOCK, BREAD, lot M: 4 (0)"]
    take(manager, Audit.objects.get(), "count_again", line_ids=[offered[0][0]], reason="look again")
    assert (line(running, "A-01").status, line(running, "A-01").recount_reason) == ("recount", "look again")
    assert office(Role.AUDITOR).get(dialog(running, "count_again")).status_code == 403


def test_of_two_who_complete_the_second_is_told(auditor: Client, running: Audit) -> None:
    version = running.version
    take(auditor, running, "complete", version=version, uncounted="untouched")
    answer = take(office(Role.AUDITOR), running, "complete", version=version, uncounted="zero")
    assert answer.context["error"].code == "stale_version"
    assert Stock.objects.get().quantity == 14


def test_looking_changes_nothing(auditor: Client, running: Audit) -> None:
    for step in ("scan", "counts", "found", "complete", "cancel"):
        assert auditor.get(dialog(running, step)).status_code == 200
    assert auditor.get(page(running)).status_code == auditor.get(listing(Audit)).status_code == 200
    running = Audit.objects.get(pk=running.pk)
    assert (running.status, running.version) == ("in_progress", 2)


def test_a_page_of_five_hundred_lines_shows_fifty(house: Site, bread: Product) -> None:
    manager = office(Role.MANAGER)
    spent = []
    for lines in (2, 120):
        for number in range(lines):
            stocked(bread, house.quarantine, 1, lot=f"{lines}-{number}")
        audit = create_audit(warehouse_id=house.id, actor=ACTOR)
        start_audit(audit.pk, actor=ACTOR)
        with CaptureQueriesContext(connection) as queries:
            shown = manager.get(page(audit))
        spent.append(len(queries))
    assert len(shown.context["inline_admin_formsets"][0].formset.forms) == 50
    second = manager.get(page(audit) + "?lines-page=3").context["inline_admin_formsets"][0].formset.forms
    assert len(second) == 24
    assert spent[0] == spent[1]
    assert spent[0] <= 20
    assert clerk(Role.PICKER).pk
