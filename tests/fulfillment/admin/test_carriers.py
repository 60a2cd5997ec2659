"""Carriers are kept by operations: counted, judged, under a lock."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fulfillment.models import DeliveryProvider
from fulfillment.services.carriers import change_carrier, create_carrier
from tests.factories.fulfillment import ACTOR, person
from tests.factories.office import office, page
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, ValidationFailed

pytestmark = pytest.mark.django_db
ADD = "/admin/fulfillment/deliveryprovider/add/"


@pytest.fixture
def carrier(db: None) -> DeliveryProvider:
    return create_carrier.function({"code": " swift ", "name": "Swift"}, actor=ACTOR)


def test_a_carrier_is_added_and_changed(carrier: DeliveryProvider) -> None:
    assert (carrier.code, carrier.version, carrier.label_format, carrier.volumetric_divisor) == ("swift", 1, "zpl", 5000)
    changed = change_carrier.function(carrier.pk, {"max_weight": Decimal(20), "label_format": "pdf"}, actor=ACTOR, expected_version=1)
    assert (changed.version, changed.max_weight, changed.label_format) == (2, 20, "pdf")
    with pytest.raises(StaleVersion):
        change_carrier.function(carrier.pk, {"name": "Slow"}, actor=ACTOR, expected_version=1)
    with pytest.raises(NotFound):
        change_carrier.function(0, {"name": "Slow"}, actor=ACTOR)
    with pytest.raises(PermissionDenied):
        change_carrier(carrier.pk, {"name": "Slow"}, actor=person(Role.PACKER))


@pytest.mark.parametrize(
    "values",
    [{"volumetric_divisor": 0}, {"max_weight": Decimal(0)}, {"max_girth": Decimal(-1)}, {"label_format": "epl"}, {"code": ""}, {"name": " "}],
)
def test_what_no_carrier_has_is_refused(carrier: DeliveryProvider, values: dict[str, object]) -> None:
    with pytest.raises(ValidationFailed) as caught:
        change_carrier.function(carrier.pk, values, actor=ACTOR)
    assert caught.value.errors[0]["field"] == next(iter(values))
    assert DeliveryProvider.objects.get(pk=carrier.pk).version == 1


def test_one_code_and_one_default(carrier: DeliveryProvider) -> None:
    with pytest.raises(Conflict, match="There is a carrier swift already"):
        create_carrier.function({"code": "swift", "name": "Other"}, actor=ACTOR)
    default = DeliveryProvider.objects.get(is_default=True)
    with pytest.raises(Conflict, match=f"{default.name} is the default"):
        change_carrier.function(carrier.pk, {"is_default": True}, actor=ACTOR)


def test_a_manager_keeps_them_in_the_back_office() -> None:
    manager = office(Role.MANAGER)
    values = {"code": "swift", "name": "Swift", "volumetric_divisor": "4000", "label_format": "pdf", "is_active": "on"}
    assert manager.post(ADD, values).status_code == 302
    made = DeliveryProvider.objects.get(code="swift")
    assert (made.volumetric_divisor, made.label_format, made.version) == (4000, "pdf", 1)
    values |= {"seen_version": "1"}
    assert manager.post(page(made), values | {"max_weight": "12.5"}).status_code == 302
    made.refresh_from_db()
    assert (made.max_weight, made.version) == (Decimal("12.50"), 2)
    wrong = manager.post(page(made), values | {"seen_version": "2", "max_weight": "-1"}, follow=True).content.decode()
    assert "Ensure this value is greater than or equal to 0.01." in wrong
    made.refresh_from_db()
    assert (made.max_weight, made.version) == (Decimal("12.50"), 2)
    assert office(Role.PACKER).post(ADD, values | {"code": "other"}).status_code == 403
