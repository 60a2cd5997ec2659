"""A product's rules change while goods of it arrive or are promised."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from inventory.models import Batch, Product, Receiving
from inventory.orchestrator import ReceivingLine, confirm_receiving, create_receiving
from inventory.services.products import change_product
from tests.concurrency.threads import Started, wait_for_waiter
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from warehouse.core.errors import Conflict, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


def draft(product: Product, house: Site) -> Receiving:
    return create_receiving(warehouse_id=house.id, location_id=house.shelf.pk, lines=[ReceivingLine(product.pk, Decimal(5))], actor=ACTOR)


def test_goods_that_arrive_behind_a_new_step_are_judged_by_it(house: Site) -> None:
    product = ProductFactory()
    paper = draft(product, house)
    with transaction.atomic():
        change_product.inside(product.pk, {"quantity_step": Decimal(7)}, actor=ACTOR)
        waiting = Started(lambda: confirm_receiving(paper.pk, actor=ACTOR))
        wait_for_waiter()

    assert isinstance(waiting.finish().error, ValidationFailed)
    assert not Batch.objects.exists()


def test_a_new_step_behind_the_first_goods_is_refused(house: Site) -> None:
    product = ProductFactory()
    paper = draft(product, house)
    with transaction.atomic():
        confirm_receiving.inside(paper.pk, actor=ACTOR)
        waiting = Started(lambda: change_product(product.pk, {"quantity_step": Decimal(7)}, actor=ACTOR))
        wait_for_waiter()

    assert isinstance(waiting.finish().error, Conflict)
    assert Product.objects.get().quantity_step == 1


def test_goods_that_arrive_behind_a_shorter_life_have_it(house: Site) -> None:
    product = ProductFactory(lives={"ambient": 300})
    place = stocked(product, house.shelf, 5)
    paper = draft(product, house)
    with transaction.atomic():
        change_product.inside(product.pk, {}, shelf_lives=[{"condition": "ambient", "days": Decimal(3)}], actor=ACTOR)
        waiting = Started(lambda: confirm_receiving(paper.pk, actor=ACTOR))
        wait_for_waiter()

    assert waiting.finish().won
    dates = {row.effective_expires_at.date() - row.clock_started_at.date() for row in product.batch_locations.all() if row.effective_expires_at}
    assert {span.days for span in dates} == {3}
    assert (place.product_id, totals(product.pk, house.id)) == (product.pk, (10, 0, 0, 10))
    assert_books_balance()
