"""Orders by what people call them."""

from __future__ import annotations

from collections.abc import Iterator

from fulfillment.models import Order

# Orders of several sources may share a number.
SAME_NAME = 100


def orders_called(name: str) -> Iterator[list[int]]:
    """The ids of the orders with this id, then of those with this number; nothing where there are none.

    Each is one look into an index, made when it is asked for; both at once would be a walk through the table.
    """
    for rows in (Order.objects.filter(external_id=name), Order.objects.filter(order_number__iexact=name)):
        if ids := list(rows.values_list("pk", flat=True)[:SAME_NAME]):
            yield ids
