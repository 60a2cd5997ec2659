"""What transfers are about to do with goods."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Sum

from inventory.enums import TransferStatus
from inventory.models import TransferItem


def claimed_in_transit(batch_location_ids: Iterable[int], *, but: int | None = None) -> dict[int, Decimal]:
    """How much of what lies in these BatchLocations (in transit) belongs to transfers on their way, by id; `but` is a transfer that does not count.

    The rest is nobody's: what a transfer lost and somebody found. One statement, none for no ids. Under the gates it is what holds.
    """
    wanted = set(batch_location_ids)
    if not wanted:
        return {}
    lines = TransferItem.objects.filter(transit__in=wanted, transfer__status=TransferStatus.SENT).exclude(transfer=but)
    return dict(lines.values_list("transit").annotate(claimed=Sum("quantity")).order_by("transit"))
