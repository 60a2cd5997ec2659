"""The goods of a product judged again, when what they are judged by has changed."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone

from inventory.models import BatchLocation
from inventory.stock.place import blocked_reason, clock_of, lives_of
from inventory.stock.post import Header, block
from warehouse.core.actor import Actor
from warehouse.core.transactions import require_transaction

_WRITE = """
    UPDATE inventory_batchlocation b SET effective_expires_at = n.expires_at
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (id, expires_at) WHERE b.id = n.id
"""


def judge_again(product_id: int, *, actor: Actor) -> None:
    """Compute when the goods of the product expire, and why they are not for sale. At most four statements for any number of places.

    Requires the gates of all the product's stock. Emits stock.changed, stock.low, stock.out.
    """
    require_transaction()
    now = timezone.now()
    rows = list(BatchLocation.objects.filter(product=product_id, has_stock=True).select_related("batch__product", "location").order_by("pk"))
    lives = lives_of({row.batch_id: row.batch for row in rows}.values())
    dates: dict[int, datetime | None] = {}
    reasons: dict[int, str] = {}
    for row in rows:
        expires_at = clock_of(row).effective(lives[row.batch_id])
        if expires_at != row.effective_expires_at:
            dates[row.pk] = expires_at
        reason = str(blocked_reason(row.batch, row.location, expires_at, now))
        if reason != row.blocked_reason:
            reasons[row.pk] = reason
    if dates:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [list(dates), list(dates.values())])
    block(reasons, Header(actor=actor))
