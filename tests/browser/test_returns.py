"""A return in the back office, in a real browser: the inspection of several lines in one dialog, a photo, the books."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from inventory.models import Return, ReturnItem, Stock
from inventory.orchestrator import OrderedLine, consume_reservation, reserve_for_order
from tests.browser.test_back_office import Desk, desk
from tests.factories.inventory import ACTOR, ProductFactory, site, stocked
from tests.factories.office import page
from warehouse.core.actor import Role

__all__ = ["desk"]
# One green pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d76368a8ff0f000283017fe5a3d8b50000000049454e44ae426082"
)


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def test_a_return_from_the_box_to_the_books(desk: Desk, tmp_path: Path) -> None:
    house = site(code="MAIN", external_id="1")
    products = [ProductFactory(sku=f"YOG-{number}") for number in range(4)]
    for product in products:
        stocked(product, house.shelf, 5, lot=f"L-{product.sku}")
    lines = [OrderedLine(product.pk, Decimal(2)) for product in products]
    consume_reservation(reserve_for_order("shop:1", lines, warehouse_id=house.id, actor=ACTOR).reservation_id, actor=ACTOR)
    desk.sign_in(Role.RECEIVER)
    desk.open("/admin/inventory/return/add/")
    desk.page.fill("[name=order_ref]", "shop:1")
    desk.choose(0, "MAIN")
    desk.choose(1, "A-01")
    desk.page.check("[name=everything]")
    desk.look("80-return-new")
    desk.page.click("[name=_continue]")
    expect(desk.page.locator("body")).to_contain_text("YOG-3, L-YOG-3")
    document = Return.objects.get()

    desk.step("Inspect")
    items = list(ReturnItem.objects.order_by("pk"))
    for item in items:
        desk.page.select_option(f"[name='{item.pk}-condition']", "intact")
        desk.page.select_option(f"[name='{item.pk}-decision']", "return_to_shelf")
    desk.page.select_option(f"[name='{items[3].pk}-condition']", "spoiled")
    desk.look("81-return-inspection")
    desk.submit()
    # The refusal stands at the top of a dialog that is taller than the window; its button stood at the end.
    expect(desk.page.locator("#dialog-form [role=alert]")).to_be_in_viewport()
    desk.page.select_option(f"[name='{items[3].pk}-decision']", "write_off")
    desk.page.fill(f"[name='{items[3].pk}-temperature']", "14.5")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("inspect – done")

    (tmp_path / "box.png").write_bytes(PNG)
    desk.step("Photo")
    desk.page.set_input_files("#dialog [name=photo]", tmp_path / "box.png")
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("photo – done")
    with desk.page.context.expect_page() as shown:
        desk.page.get_by_role("link", name="photo", exact=True).click()
    assert shown.value.locator("img").count() == 1
    shown.value.close()

    desk.page.locator(f"a[hx-get*='{document.pk}/complete']").click()
    expect(desk.page.locator("#dialog")).to_be_visible()
    desk.submit()
    expect(desk.page.locator("body")).to_contain_text("complete – done")
    desk.look("82-return-completed")
    assert Return.objects.get().status == "completed"
    assert sorted(Stock.objects.values_list("product__sku", "quantity")) == [("YOG-0", 5), ("YOG-1", 5), ("YOG-2", 5), ("YOG-3", 3)]
    assert page(document) in desk.page.url
