"""The pack screen finds a task by whatever is at hand."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Package, PackingTask
from fulfillment.queries import floor
from fulfillment.services.packing_tasks import start_packing_task
from tests.factories.fulfillment import person
from tests.fulfillment.screens.conftest import Handheld
from tests.fulfillment.screens.packing import Make, on_the_bench, scan
from warehouse.core.actor import Role


def test_a_task_is_found_by_whatever_is_at_hand(packer: Handheld, place: Any, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 1)], order_number="S-77", external_id="9077")
    packer.send(f"/floor/pack/{task.pk}/start")
    scan(packer, task, milk.sku)
    package = Package.objects.get()
    for code in (task.number, task.number.lower(), task.picking_task.number, package.barcode, "S-77", "9077"):
        assert "S-77" in packer.send("/floor/pack/find", code=code), code
    assert packer.send("/floor/pack/find", htmx=True, code="S-77") == ""  # htmx is sent there
    for code in ("S-78", "", "\x00", milk.sku):
        page = packer.send("/floor/pack/find", code=code, htmx=True)
        assert 'class="wrong-screen"' in page, code


def test_a_bench_names_its_most_urgent_task(packer: Handheld, place: Any, goods: Any) -> None:
    milk, _tea = goods
    on_the_bench([(milk, 1)], order_number="S-LATER")
    on_the_bench([(milk, 1)], order_number="S-URGENT", priority="urgent")
    page = packer.send("/floor/pack/find", code=place.bench.barcode)
    assert "S-URGENT" in page
    assert PackingTask.objects.get(order__order_number="S-URGENT").worker_id == packer.actor.user_id


def test_the_next_task_skips_one_that_somebody_else_took(packer: Handheld, place: Any, goods: Any, handheld: Make) -> None:
    milk, _tea = goods
    first, second = on_the_bench([(milk, 1)]), on_the_bench([(milk, 1)])
    start_packing_task(first.pk, actor=person(Role.PACKER))
    packer.send("/floor/pack/claim")
    assert PackingTask.objects.get(pk=second.pk).worker_id == packer.actor.user_id
    other = handheld(place, Role.PACKER)
    assert "Nothing to pack now" in other.send("/floor/pack/claim")
    assert "This is not your task" in other.see(f"/floor/pack/{second.pk}")
    assert "Not yours to do" in scan(other, second, milk.sku)


def test_of_several_tasks_the_one_to_work_on_is_found(packer: Handheld, place: Any, goods: Any) -> None:
    """Whatever the states are called: what is being packed, then what waits, then what is packed."""
    task = on_the_bench([(goods[0], 1)], order_number="S-9")
    others = [on_the_bench([(goods[0], 1)], order_number="S-9") for _ in range(3)]
    for row, status in zip([task, *others], ("shipped", "packed", "pending", "in_progress"), strict=True):
        PackingTask.objects.filter(pk=row.pk).update(status=status)
    for row in reversed(others):
        found = floor.packing_task_by_scan(place.warehouse.pk, "S-9", None)
        assert found is not None
        assert found.pk == row.pk
        PackingTask.objects.filter(pk=row.pk).update(status="cancelled")
    assert getattr(floor.packing_task_by_scan(place.warehouse.pk, "S-9", None), "pk", None) == task.pk


def test_a_code_is_looked_up_in_indexes_one_after_another(place: Any, goods: Any) -> None:
    milk, _tea = goods
    task = on_the_bench([(milk, 1)], order_number="S-77", external_id="9077")

    def looked_up(code: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            floor.packing_task_by_scan(place.id, code, None)
        assert not any(" OR " in query["sql"] for query in queries)
        return len(queries)

    # Its number: the first look. An unknown code: three numbers, a tote, and the orders of that id or number.
    assert (looked_up(task.number.lower()), looked_up("nothing")) == (1, 6)
    assert floor.packing_task_by_scan(place.id, "s-77", None) == task
