"""Long names, long codes, many items, in the language with the longest words."""

from __future__ import annotations

from typing import Any

import pytest

from fulfillment.models import PackingTask, PickingTask
from tests.browser.conftest import PHONE, Phone, badge_of
from tests.factories.fulfillment import order_for, person, picked, reachable_site
from tests.factories.inventory import LocationFactory, ProductFactory, stocked
from warehouse.core.actor import Role

pytestmark = pytest.mark.slow

NAME = "Фермерский творог зернёный в сливках, жирность 5 %, стаканчик из переработанного картона, 350 г"


def in_reach(phone: Phone) -> None:
    """What is needed next stands on the phone without scrolling: the prompt and the scan field."""
    for selector in (".now-scan, .button.go", "#scan", ".quantity, .stepper, .item .left"):
        box = phone.page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= PHONE["height"], selector


def test_everything_stays_in_reach(phone: Phone, db: Any) -> None:
    site = reachable_site(name="Центральный распределительный склад скоропортящихся продуктов")
    far = LocationFactory(warehouse=site.warehouse, code="CHILL-ZONE-02-07-03-B", condition="ambient")
    goods = [ProductFactory(name=f"{NAME} № {n}") for n in range(14)]
    for product in goods:
        stocked(product, far, 200, lot="RCV-2026-000123-4567", expires_in_days=30)
    order_for([(goods[0], 144)], order_number="MARKETPLACE-2026-11-20-0000012345")
    order_for([(product, 2) for product in goods], order_number="S-2")
    worker = person(Role.PICKER, Role.PACKER)
    phone.sign_in(badge_of(worker))
    phone.tap("Русский")
    phone.sees("Отбор")
    phone.look("40-long-home")
    phone.open("/floor/pick")
    phone.tap("Взять следующий заказ")
    phone.sees("Идите к месту")
    in_reach(phone)
    phone.look("41-long-place")
    phone.scan(far.code)
    phone.sees("Сканируйте товар")
    in_reach(phone)
    phone.scan(goods[0].sku)
    phone.sees("Подтвердить")
    in_reach(phone)
    phone.look("42-long-quantity")
    phone.scan("что-то другое")
    phone.sees("Не тот товар")
    phone.look("43-long-wrong")
    phone.tap("ОК", "link")
    phone.tap("Подтвердить")
    phone.sees("Всё собрано")

    task = picked(PickingTask.objects.get(order__order_number="S-2"), person(Role.PICKER))
    phone.open("/floor/pack")
    phone.look("44-long-pack-start")
    phone.scan("S-2")
    phone.sees("0/14")
    in_reach(phone)
    phone.look("45-long-pack")
    phone.scan(goods[7].sku)
    phone.sees("Упаковано: 1 шт.", "Коробка 1")
    in_reach(phone)
    phone.look("46-long-packed")
    for done, product in enumerate(goods, start=1):
        phone.scan(product.sku)
        if product is not goods[7]:
            phone.page.wait_for_timeout(320)
            phone.scan(product.sku)
        phone.sees(f"{done}/14")
    phone.sees("Взвесьте и измерьте")
    phone.look("47-long-full")
    phone.tap("Измерить коробку", "link")
    phone.look("48-long-measure")
    for value in ("2.5", "30", "20", "10"):
        phone.press(value)
    phone.sees("Измерено")
    phone.look("49-long-ready")
    assert PackingTask.objects.get(pk=task.pk).packed_items == 14
