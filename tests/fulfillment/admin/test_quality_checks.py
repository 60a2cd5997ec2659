"""Quality checks and rules at the back office, by their steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from fulfillment.models import PackingTask, PickingTask, QualityCheck, QualityCheckItem, QualityRule
from inventory.models import Product
from tests.factories.fulfillment import person, reachable_site
from tests.factories.inventory import ProductFactory, Site, stocked
from tests.factories.office import clerk, dialog, listing, office, page, steps_offered, take
from tests.factories.quality import bad, rule, to_check
from warehouse.core.actor import Actor, Role

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def manager() -> Client:
    return office(Role.MANAGER)


@pytest.fixture
def house(db: None) -> Site:
    return reachable_site(code="MAIN", external_id="1")


@pytest.fixture
def tea(house: Site) -> Product:
    product = ProductFactory(sku="TEA")
    stocked(product, house.shelf, 90, lot="T-1")
    return product


@pytest.fixture
def check(tea: Product) -> QualityCheck:
    rule()
    return to_check([(tea, 4)], person(Role.PICKER))


def now(check: QualityCheck) -> QualityCheck:
    """As a reader of the page sees it now."""
    return QualityCheck.objects.get(pk=check.pk)


def test_a_check_passes(check: QualityCheck) -> None:
    packer = Client()
    packer.force_login(clerk(Role.PACKER))
    assert steps_offered(packer, check) == ["start"]
    take(packer, now(check), "start")
    assert steps_offered(packer, check) == ["find", "photo", "succeed", "fail"]
    answer = take(packer, now(check), "succeed")
    assert (answer.context["error"].code, answer.context["error_data"]) == ("work_left", ["sku: TEA, quantity: 4"])
    item = check.items.get()
    assert packer.get(dialog(check, "find")).context["form"].fields["item_id"].choices == [(item.pk, "TEA, lot T-1: 4 pieces")]
    take(packer, now(check), "find", item_id=item.pk, condition="yes", quantity="yes")
    take(packer, now(check), "succeed")
    assert (QualityCheck.objects.get().status, PackingTask.objects.count()) == ("passed", 1)


def test_a_check_fails(manager: Client, check: QualityCheck, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    take(manager, now(check), "start")
    item = check.items.get()
    take(manager, now(check), "find", item_id=item.pk, condition="no", quantity="yes", failed_quantity="1", note="wet")
    take(manager, now(check), "photo", item_id=item.pk, photo=SimpleUploadedFile("x.png", PNG, "image/png"))
    assert "1 of TEA, lot T-1: 4 pieces: nothing decided yet" in manager.get(dialog(check, "fail")).content.decode()
    assert take(manager, now(check), "fail").context["error"].code == "work_left"
    take(manager, now(check), "fail", decision="repick")
    done = QualityCheckItem.objects.get()
    assert (QualityCheck.objects.get().status, done.quarantined_quantity, done.note, bool(done.photo)) == ("failed", 1, "wet", True)
    assert PickingTask.objects.get().status == "pending"
    shown = manager.get(page(check)).content.decode()
    assert "1 in QUAR" in shown
    assert f"/api/v1/quality-checks/{check.pk}/items/{item.pk}/photo" in shown


def test_a_check_is_cancelled(manager: Client, check: QualityCheck) -> None:
    assert steps_offered(manager, check) == ["start", "cancel"]
    take(manager, now(check), "cancel", reason="not wanted")
    assert QualityCheck.objects.get().cancellation_reason == "not wanted"
    assert steps_offered(manager, check) == []


def test_rules_are_kept_here(manager: Client, tea: Product) -> None:
    add = reverse("admin:fulfillment_qualityrule_add")
    values = {"name": "Tea", "share": 20, "product": tea.pk, "storefront_external_id": "web", "is_active": "on"}
    assert manager.post(add, values).status_code == 302
    made = QualityRule.objects.get()
    assert (made.name, made.share, made.product, made.storefront_external_id, made.version) == ("Tea", 20, tea, "web", 1)
    change = reverse("admin:fulfillment_qualityrule_change", args=[made.pk])
    assert manager.post(change, values | {"share": 30, "product": "", "seen_version": 1}).status_code == 302
    made.refresh_from_db()
    assert (made.share, made.product, made.version) == (30, None, 2)
    assert "share" in manager.post(change, values | {"share": 101}).context["adminform"].form.errors
    assert "Tea" in manager.get(listing(QualityRule)).content.decode()
    packer = office(Role.PACKER)
    assert packer.get(listing(QualityRule)).status_code == 200
    assert packer.post(add, values).status_code == 403
    manager.post(reverse("admin:fulfillment_qualityrule_delete", args=[made.pk]), {"post": "yes"})
    assert not QualityRule.objects.exists()


def test_lists_and_pages_cost_the_same_however_much_there_is(manager: Client, house: Site, tea: Product) -> None:
    rule()

    def statements(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(url).status_code == 200
        return len(queries)

    def grow(count: int) -> tuple[int, int]:
        products = [ProductFactory() for _ in range(count)]
        for product in products:
            stocked(product, house.shelf, 9)
        packer: Actor = person(Role.PACKER)
        check = to_check([(product, 2) for product in products], person(Role.PICKER), packer)
        for item in check.items.all():
            bad(item, packer, 1)
        return statements(listing(QualityCheck)), statements(page(check))

    grow(1)  # what is asked once and remembered
    first = grow(1)
    assert grow(4) == first
    assert max(first) <= 12, first
