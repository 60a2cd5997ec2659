"""Lots and what they were made of: parents of child lots, components of mixes, and theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal

from django.db import connection

from inventory.models import Batch, BatchComponent

# Lateral: every step goes through the indexes, however many lots there are.
_FAMILY = """
    WITH RECURSIVE family AS (
        SELECT unnest(%s::bigint[]) AS id
        UNION
        SELECT next.id FROM family f CROSS JOIN LATERAL ({step}) next
    )
    SELECT id FROM family
"""
_MADE_OF = _FAMILY.format(
    step="SELECT b.id FROM inventory_batch b WHERE b.parent_id = f.id UNION ALL SELECT c.mixed_id FROM inventory_batchcomponent c WHERE c.source_id = f.id"
)
_MAKERS = _FAMILY.format(
    step="SELECT b.parent_id AS id FROM inventory_batch b WHERE b.id = f.id AND b.parent_id IS NOT NULL "
    "UNION ALL SELECT c.source_id FROM inventory_batchcomponent c WHERE c.mixed_id = f.id"
)


def made_of(batch_ids: Iterable[int]) -> set[int]:
    """These lots and everything made of them: child lots and mixes, and of those again. One statement."""
    return _family(_MADE_OF, batch_ids)


def makers_of(batch_ids: Iterable[int]) -> set[int]:
    """These lots and everything that they were made of. One statement."""
    return _family(_MAKERS, batch_ids)


def makers_by_lot(batch_ids: Collection[int]) -> dict[int, dict[int, Decimal | None]]:
    """What each of these lots was directly made of: the parent of a child lot, the components of a mix with their quantities. Two statements."""
    result: dict[int, dict[int, Decimal | None]] = defaultdict(dict)
    for pk, parent in Batch.objects.filter(pk__in=batch_ids, parent__isnull=False).values_list("pk", "parent_id"):
        result[pk][parent or 0] = None
    for mixed, source, quantity in BatchComponent.objects.filter(mixed__in=batch_ids).order_by("pk").values_list("mixed_id", "source_id", "quantity"):
        result[mixed][source] = quantity
    return result


def _family(sql: str, batch_ids: Iterable[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [sorted(set(batch_ids))])
        return {pk for (pk,) in cursor.fetchall()}
