"""What managers set in the back office: a page that somebody else has changed meanwhile is not written over, and a refusal to delete is said."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Model

from fulfillment.models import BoxType, DeliveryProvider, Printer, QualityRule, WalkSettings
from tests.factories.inventory import LocationFactory, WarehouseFactory
from tests.factories.office import office
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


def _box() -> Model:
    return BoxType.objects.create(code="S", name="Small", length=10, width=10, height=10)


def _printer() -> Model:
    return Printer.objects.create(warehouse=WarehouseFactory(), name="Bench", host="10.0.0.5")


def _rule() -> Model:
    return QualityRule.objects.create(name="Fish", share=50)


def _carrier() -> Model:
    return DeliveryProvider.objects.create(code="swift", name="Swift")


def _walks() -> Model:
    return WalkSettings.objects.create(warehouse=WarehouseFactory())


def _place() -> Model:
    return LocationFactory()


PAGES = [
    (_box, "name", "Large"),
    (_printer, "name", "Gate"),
    (_rule, "share", 20),
    (_carrier, "name", "Slow"),
    (_walks, "totes", 4),
    (_place, "zone", "Z"),
]


def _filled(page: Any) -> dict[str, Any]:
    """The form as the page shows it."""
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value is not None and value is not False}


@pytest.mark.parametrize(("make", "field", "value"), PAGES)
def test_what_somebody_else_has_changed_is_not_written_over(make: Any, field: str, value: Any) -> None:
    row: Any = make()
    manager, address = office(Role.MANAGER), f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
    shown = _filled(manager.get(address))
    before = getattr(row, field)
    type(row).objects.filter(pk=row.pk).update(version=row.version + 1)
    refused = manager.post(address, shown | {field: value}, follow=True)
    assert "meanwhile" in refused.content.decode()
    row.refresh_from_db()
    assert getattr(row, field) == before
    assert manager.post(address, _filled(manager.get(address)) | {field: value}).status_code == 302
    row.refresh_from_db()
    assert getattr(row, field) == value


@pytest.mark.parametrize(("make", "field", "value"), PAGES)
def test_who_may_only_look_is_shown_no_version(make: Any, field: str, value: Any) -> None:
    row: Any = make()
    page = office(Role.VIEWER).get(f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/")
    assert page.status_code == 200
    assert "seen" not in page.content.decode().lower()
