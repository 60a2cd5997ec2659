"""A quality check that fails, the walk for others, and the check that passes, in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fulfillment.models import PackingTask, PickingTask, QualityCheck, QualityCheckItem
from tests.browser.conftest import Phone, badge_of
from tests.browser.test_returning import picture
from tests.factories.fulfillment import person, reachable_site
from tests.factories.inventory import BarcodeFactory, ProductFactory, stocked
from tests.factories.quality import rule, to_check, walked
from warehouse.core.actor import Role


@pytest.fixture
def goods(transactional_db: None) -> Any:
    place = reachable_site(name="Belgrade main")
    rule()
    jam, ham = ProductFactory(name="Plum jam, home made, 340 g"), ProductFactory(name="Smoked ham 200 g", lives={"chilled": 30})
    BarcodeFactory(code="8600000000066", product=jam)
    BarcodeFactory(code="8600000000080", product=ham)
    stocked(jam, place.shelf, 10, lot="J-1", expires_in_days=200)
    stocked(ham, place.cool, 10, lot="H-1", expires_in_days=20)
    return jam, ham


def test_a_check_fails_once(phone: Phone, goods: Any, tmp_path: Path, settings: Any) -> None:
    jam, ham = goods
    settings.MEDIA_ROOT = tmp_path / "media"
    first = to_check([(jam, 5), (ham, 2)], person(Role.PICKER), order_number="S-3001")
    phone.sign_in(badge_of(person(Role.PACKER)))
    phone.sees("Quality check")
    phone.look("100-quality-home")
    phone.tap("Quality check", "link")
    phone.sees("order to look at", "S-3001")
    phone.look("101-quality-start")
    phone.scan("what is this")
    phone.sees("No check found")
    phone.look("102-quality-not-found")
    phone.tap("OK", "link")
    phone.scan("s-3001")
    phone.sees("0/2", "Plum jam")
    phone.look("103-quality-list")
    phone.scan("8600000000080")
    phone.sees("Is all of it good?", "Smoked ham", "All 2 pcs are good")
    phone.look("104-quality-verdict")
    phone.tap("All 2 pcs are good")
    phone.sees("1/2", "Good")
    phone.page.wait_for_timeout(350)
    phone.scan("8600000000066")
    phone.sees("Is all of it good?", "Plum jam")
    phone.tap("Something is wrong")
    phone.sees("What is wrong?", "Not all are there")
    phone.look("105-quality-wrong")
    phone.tap("Damaged")
    phone.sees("How many are not good?")
    phone.look("106-quality-quantity")
    phone.press("9")
    phone.sees("Too much")
    phone.tap("OK", "link")
    phone.page.locator("[data-key='clear']").click()
    phone.press("2")
    phone.sees("What becomes of it?", "2 pcs")
    with phone.page.expect_response("**/photo"):
        phone.page.locator("input[type=file]").set_input_files({"name": "jam.png", "mimeType": "image/png", "buffer": picture()})
    phone.sees("Photo ✓")
    phone.look("107-quality-decision")
    phone.tap("Keep apart, pick others")
    phone.sees("2/2", "2 pcs: kept apart", "Take out what failed")
    phone.look("108-quality-ready")
    phone.tap("Plum jam", "link")
    phone.sees("Looked at", "Decide again")
    phone.look("109-quality-looked-at")
    phone.tap("Go on", "link")
    phone.tap("Take out what failed")
    phone.sees("Bring what failed to", "QUAR", "2 pcs", "Others are being fetched.")
    phone.look("110-quality-failed")
    item = QualityCheckItem.objects.get(check_document=first, product=jam)
    assert (item.quarantined_quantity, bool(item.photo)) == (2, True)

    walked(PickingTask.objects.get(), person(Role.PICKER))
    phone.tap("Next order", "link")
    phone.tap("Take the next order")
    phone.sees("0/1", "2 pcs")
    phone.scan("8600000000066")
    phone.tap("All 2 pcs are good")
    phone.sees("1/1", "All is good: to packing")
    phone.look("111-quality-good")
    phone.tap("All is good: to packing")
    phone.sees("All of it is good. It can be packed.")
    assert phone.heard()[-1] == "done"
    phone.look("112-quality-passed")
    assert sorted(QualityCheck.objects.values_list("status", flat=True)) == ["failed", "passed"]
    assert sorted(PackingTask.objects.get().items.values_list("quantity", flat=True)) == [2, 5]
    phone.open(f"/floor/quality/{first.pk}")
    phone.sees("Others are being fetched.")


def stays_above(phone: Phone, button: str, edge: str) -> None:
    """The button is seen whole without scrolling."""
    box, below = phone.page.locator(button).first.bounding_box(), phone.page.locator(edge).bounding_box()
    assert box is not None
    assert below is not None
    assert box["y"] + box["height"] <= below["y"], (button, box, below)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "words"), [("Русский", "Что-то не так|Не хватает|Изъять забракованное"), ("Polski", "Coś jest nie tak|Brakuje|Odłóż odrzucone")]
)
def test_long_words_stay_in_reach(phone: Phone, transactional_db: None, language: str, words: str) -> None:
    wrong, missing, out = words.split("|")
    rule()
    place = reachable_site(name="Центральный распределительный склад скоропортящихся продуктов")
    name = "Фермерский творог зернёный в сливках, жирность 5 %, стаканчик из переработанного картона, 350 г"
    goods = [ProductFactory(name=f"{name} № {n}") for n in range(8)]
    for product in goods:
        stocked(product, place.shelf, 200, lot="RCV-2026-000123-4567", expires_in_days=30)
    to_check([(product, 12) for product in goods], person(Role.PICKER), order_number="MARKETPLACE-2026-11-20-0000012345")
    phone.sign_in(badge_of(person(Role.PACKER)))
    phone.tap(language)
    phone.open("/floor/quality")
    phone.look(f"113-quality-start-{language}")
    phone.scan("MARKETPLACE-2026-11-20-0000012345")
    phone.sees("0/8")
    phone.look(f"114-quality-list-{language}")
    for number, product in enumerate(goods):
        phone.scan(product.sku)
        phone.sees("№ " + str(number))
        if number:
            phone.page.locator("button[name=good]").click()
        else:
            phone.sees(wrong)
            stays_above(phone, "button[name=wrong]", ".actions")
            phone.look(f"115-quality-verdict-{language}")
            phone.tap(wrong)
            phone.tap(missing)
            stays_above(phone, "[data-key=enter]", ".scanbar")
            phone.look(f"116-quality-quantity-{language}")
            phone.press("11")
            phone.look(f"117-quality-decision-{language}")
            phone.page.locator("button[value=hold]").click()
        phone.sees(f"{number + 1}/8")
        phone.page.wait_for_timeout(320)
    phone.sees(out)
    phone.look(f"118-quality-ready-{language}")
    phone.tap(out)
    phone.sees("QUAR")
    phone.look(f"119-quality-failed-{language}")
