"""The screens of inventory with long names and long codes, in the language with the longest words."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from inventory.orchestrator import ReceivingLine, create_receiving
from inventory.services.audits import create_audit, start_audit
from inventory.services.returns import ReturnLine, create_return
from tests.browser.conftest import PHONE, Phone, badge_of
from tests.factories.fulfillment import person, reachable_site
from tests.factories.inventory import ACTOR, LocationFactory, ProductFactory, SupplierFactory, stocked
from tests.inventory.returns import ship
from warehouse.core.actor import Role

pytestmark = pytest.mark.slow

NAME = "Фермерский творог зернёный в сливках, жирность 5 %, стаканчик из переработанного картона, 350 г"
LOT = "RCV-2026-000123-4567"
LATE = timezone.now().date() + timedelta(days=30)


def in_reach(phone: Phone, *selectors: str) -> None:
    """What is needed next stands on the phone without scrolling, above the scan field."""
    for selector in selectors:
        box = phone.page.locator(selector).first.bounding_box()
        assert box is not None, selector
        assert box["y"] >= 0, selector
        below = 68 if selector != "#scan" and phone.page.locator("#scan").is_visible() else 0
        bottom = PHONE["height"] - below
        assert box["y"] + box["height"] <= bottom, f"{selector} ends at {box['y'] + box['height']}"


def look_at_list(phone: Phone, name: str) -> None:
    """Look at a long list at its end, where the bar at the foot hides no row by half."""
    phone.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    phone.look(name)
    phone.page.evaluate("window.scrollTo(0, 0)")


def test_everything_stays_in_reach(phone: Phone, db: Any) -> None:
    site = reachable_site(name="Центральный распределительный склад скоропортящихся продуктов")
    far = LocationFactory(warehouse=site.warehouse, code="CHILL-ZONE-02-07-03-B", condition="ambient", zone="Охлаждённая зона")
    product = ProductFactory(name=NAME, freezable=True, min_remaining_days=2, lives={"ambient": 90, "frozen": 300, ("ambient", "opened"): 4})
    stocked(product, far, 2000, lot=LOT, expires_in_days=30)
    for place in (far, site.dock):
        stocked(product, place, 1200, lot=f"{LOT}-{place.code}", expires_in_days=40)
    ship(site, (product, 5), ref="marketplace:2026-11-20-0000012345")
    lines = [
        ReceivingLine(product.pk, Decimal(1200), Decimal(0)),
        *(ReceivingLine(ProductFactory(name=f"{NAME} № {n}").pk, Decimal(12), Decimal(0)) for n in range(50)),
    ]
    create_receiving(warehouse_id=site.id, supplier_id=SupplierFactory(name="Молочный комбинат имени Кирова и сыновей").pk, lines=lines, actor=ACTOR)
    audit = start_audit(create_audit(warehouse_id=site.id, actor=ACTOR).pk, actor=ACTOR)
    create_return(warehouse_id=site.id, order_ref="marketplace:2026-11-20-0000012345", lines=[ReturnLine(product.pk, Decimal(2))], actor=ACTOR)

    phone.sign_in(badge_of(person(Role.MANAGER)))
    phone.tap("Русский")
    phone.sees("Размещение", "Пересчёт")
    phone.look("100-long-tiles")

    phone.tap("Приёмка", "link")
    phone.look("101-long-receive")
    phone.tap("Молочный комбинат", "link")
    phone.sees("ещё 11 строк")
    in_reach(phone, ".now-scan", "#scan")
    look_at_list(phone, "102-long-lines")
    phone.scan(product.sku)
    phone.sees("Срок годности")
    in_reach(phone, "#date", "[data-key=enter]", "#scan")
    phone.look("103-long-date")
    phone.press(f"{timezone.now().date():%d%m%y}")
    phone.sees("Слишком мало срока")
    phone.tap("ОК", "link")
    in_reach(phone, ".button.danger")
    phone.look("104-long-short")
    phone.tap("Другая дата", "link")
    phone.sees("Срок годности")
    phone.press(f"{LATE:%d%m%y}")
    phone.sees("Сколько?")
    phone.tap("Партия", "link")
    phone.sees("Отсканируйте партию")
    phone.scan("НОВАЯ-ПАРТИЯ-2026-11-20-0001")
    phone.sees("НОВАЯ-ПАРТИЯ-2026-11-20-0001")
    phone.scan(far.code)
    phone.sees(far.code)
    in_reach(phone, "#quantity", "#damaged", "[data-key=enter]", "#scan")
    phone.look("105-long-quantity")
    phone.press("1200")
    phone.sees("Посчитано: 1200 шт.", "Отменить")
    in_reach(phone, ".undo button", ".now-scan")
    look_at_list(phone, "106-long-counted")
    phone.tap("Всё посчитано", "link")
    phone.sees("Всё посчитано?")
    look_at_list(phone, "107-long-ask")

    phone.open("/floor/put-away")
    look_at_list(phone, "108-long-dock")
    phone.scan(product.sku)
    phone.sees("Отнесите на")
    in_reach(phone, ".place", ".now-scan", "#scan")
    phone.look("109-long-put-away")
    phone.tap("Часть", "link")
    in_reach(phone, "#quantity", "[data-key=enter]")
    phone.look("110-long-part")

    phone.open("/floor/move")
    phone.scan(far.code)
    phone.sees("Сканируйте товар")
    look_at_list(phone, "111-long-from")
    phone.scan(LOT)
    phone.sees("Заморозить")
    in_reach(phone, "#quantity", "[data-key='0']", ".now-scan")
    phone.look("112-long-move")

    phone.open(f"/floor/count/{audit.pk}")
    in_reach(phone, ".place", ".now-scan")
    phone.look("113-long-count")
    phone.scan(far.code)
    phone.sees("Сканируйте товар")
    in_reach(phone, ".now-scan")
    look_at_list(phone, "114-long-count-lines")
    phone.scan(LOT)
    phone.sees("Сколько?")
    in_reach(phone, "#quantity", "[data-key=enter]")
    phone.look("115-long-count-hand")

    phone.open("/floor/returns")
    phone.look("116-long-returns")
    phone.tap("marketplace", "link")
    phone.sees("Сканируйте товар")
    look_at_list(phone, "117-long-return")
    phone.scan(product.sku)
    phone.sees("Как выглядит?")
    phone.look("118-long-condition")
    phone.tap("Вскрыт")
    phone.sees("Что с ним делать?")
    phone.tap("Продать со скидкой")
    phone.sees("Какая скидка?")
    in_reach(phone, "[data-key=enter]")
    phone.look("119-long-percent")

    phone.open("/floor/lookup")
    phone.scan(product.sku)
    phone.sees("можно продать сейчас")
    look_at_list(phone, "120-long-lookup")
    phone.scan(LOT)
    phone.sees("Откуда")
    look_at_list(phone, "121-long-lot")
