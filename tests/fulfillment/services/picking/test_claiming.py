"""Who gets which picking task."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment.services.picking_tasks import assign_picking_task, claim_next_picking_task, start_picking_task
from tests.factories.fulfillment import order_for, person, site, stocked
from tests.factories.inventory import ProductFactory
from warehouse.core.actor import Role
from warehouse.core.errors import PermissionDenied

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_best_next_task_is_by_priority_then_ship_by_then_age():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 100)
    soon, later = timezone.now() + timedelta(hours=2), timezone.now() + timedelta(days=2)
    wanted = [
        order_for([(product, 1)], priority="low", ship_by=soon),
        order_for([(product, 1)]),
        order_for([(product, 1)], ship_by=later),
        order_for([(product, 1)], ship_by=soon),
        order_for([(product, 1)], priority="urgent"),
    ]
    got = [claim_next_picking_task(place.id, actor=person(Role.PICKER)).order_id for _ in wanted]
    assert got == [wanted[i].pk for i in (4, 3, 2, 1, 0)]
    assert claim_next_picking_task(place.id, actor=person(Role.PICKER)) is None


def test_who_has_a_task_at_hand_gets_that_one_again():
    place, product = site(), ProductFactory()
    stocked(product, place.shelf, 100)
    order_for([(product, 1)])
    picker = person(Role.PICKER)
    mine = claim_next_picking_task(place.id, actor=picker)
    order_for([(product, 1)], priority="urgent")
    assert claim_next_picking_task(place.id, actor=picker).pk == mine.pk
    with pytest.raises(PermissionDenied):
        assign_picking_task(mine.pk, person(Role.PICKER).user_id, actor=picker)
    with pytest.raises(PermissionDenied):
        start_picking_task(mine.pk, actor=person(Role.PICKER))
