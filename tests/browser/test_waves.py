"""A wave at the desk: looked at, planned, released as far as it goes, followed on the list and the board."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from fulfillment.models import PickingBatch, PickingTask, Wave
from inventory.models import BatchLocation
from tests.browser.test_back_office import Desk, desk
from tests.factories.fulfillment import order_for, reachable_site
from tests.factories.inventory import ProductFactory, stocked
from warehouse.core.actor import Role

__all__ = ["desk"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_a_wave_is_planned_and_released_in_batches(desk: Desk) -> None:
    house = reachable_site(code="MAIN", external_id="1")
    house.shelf.zone = "Dry"
    house.shelf.save()
    tea, salt = ProductFactory(sku="TEA"), ProductFactory(sku="SALT")
    stocked(tea, house.shelf, 9)
    held = stocked(salt, house.shelf, 9, lot="S-1")
    order_for([(tea, 1)], order_number="ORD-1", priority="high")
    order_for([(tea, 1)], order_number="ORD-2")
    order_for([(salt, 1)], order_number="ORD-3")
    BatchLocation.objects.filter(pk=held.pk).update(blocked_reason="held")
    desk.sign_in(Role.MANAGER)
    desk.open("/admin/fulfillment/wave/add/")
    desk.page.select_option("[name=zone]", "Dry")
    desk.page.get_by_role("button", name="Look").click()
    expect(desk.page.locator("#wave-fits")).to_have_text("3 tasks with 3 items would be in it; 1 could not be released now")
    desk.look("130-plan-a-wave")
    desk.page.fill("[name=max_tasks]", "0")
    desk.page.get_by_role("button", name="Plan the wave").click()
    expect(desk.page.locator(".wave-plan")).to_contain_text("greater than or equal to 1")
    desk.page.fill("[name=max_tasks]", "")
    desk.page.get_by_role("button", name="Plan the wave").click()
    expect(desk.page.locator("body")).to_contain_text("3 tasks wait in it to be released")
    desk.look("131-wave")

    desk.step("Release in batches")
    expect(desk.page.locator("#dialog")).to_contain_text("2 of 3 tasks go.")
    desk.look("132-release")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("release in batches – done")
    expect(desk.page.locator(".wave-table")).to_contain_text("lot S-1: on hold")
    assert (Wave.objects.get().status, PickingBatch.objects.get().tasks.count()) == ("in_progress", 2)

    desk.step("Take tasks out")
    desk.page.locator("#dialog [name=task_ids]").check()
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("take tasks out – done")
    assert PickingTask.objects.get(order__order_number="ORD-3").wave_id is None
    desk.open("/admin/fulfillment/wave/")
    expect(desk.page.locator("#result_list")).to_contain_text("0 of 2")
    desk.look("133-waves")
