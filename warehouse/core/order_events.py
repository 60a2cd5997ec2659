"""The events between those who take orders from customers and those who send the goods. The two know each other by these alone.

Every payload has `order_source` and `order_id`, which make the order_ref `source:id`. What is asked is answered: by the events of the order, or by a refusal.
"""

from collections.abc import Callable

# Asked. The promise for all lines is made already, under the order_ref; `lines` are as `inventory.orchestrator.resolve_lines` reads them.
ORDER_CONFIRMED = "order.confirmed"
# The order is to have other quantities from now on: `lines`, all of them.
ORDER_CHANGED = "order.changed"
# The order is not wanted any more: `reason`.
ORDER_CANCELLATION_ASKED = "order.cancellation_asked"

# Answered, in the transaction that did it.
ORDER_ACCEPTED = "order.accepted"
# Short: it waits for stock; accepted follows when that came.
ORDER_REJECTED = "order.rejected"
ORDER_CANCELLED = "order.cancelled"
ORDER_REVISED = "order.revised"
# It can't be done: `asked` (the type of event), `code`, `detail`.
ORDER_REFUSED = "order.refused"

# Sources that nobody else may take for their own, because a source begins the order_ref: those whose orders come by other ways, and the tills in
# inventory's books.
SOURCE_LISTINGS, SOURCE_TILL = "listings", "till"
RESERVED_SOURCES = frozenset({SOURCE_LISTINGS, SOURCE_TILL})

# Whether a source is that of somebody who sends its orders by these events, so that no other face takes any in under it. Who has such sources adds himself.
TAKEN_SOURCES: list[Callable[[str], bool]] = []
