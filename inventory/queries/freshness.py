"""How much of their life goods have left. One rule, used by the markdown and by the alerts.

The whole life is the longest one that the goods may have as they lie: in the condition of their clock, sealed (the label's life, `Batch.label_life`,
where the label means this condition, else the shelf life's row) or in their phase. Where nothing is known of it: the label's life, else the time from
their receipt to their expiry. The share left is what is left until the expiry, of that. Goods without an expiry have no share.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from inventory.models.storefronts import SELLS_FROM

# For a FROM clause with a BatchLocation `bl` and its batch `b`.
LIFE = """
    LEFT JOIN LATERAL (
        SELECT max(l.days) * interval '1 day' AS known FROM inventory_shelflife l
        WHERE l.product_id = bl.product_id AND l.condition = bl.clock_condition AND l.phase IN ('sealed', bl.phase)
          AND (l.phase <> 'sealed' OR b.label_life IS NULL OR l.condition <> b.label_condition)
    ) l ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(greatest(CASE WHEN bl.clock_condition = b.label_condition THEN b.label_life END, l.known), b.label_life,
                        bl.effective_expires_at - bl.received_at) AS whole
    ) life
"""
SHARE_LEFT = "extract(epoch FROM bl.effective_expires_at - %(at)s::timestamptz) / nullif(extract(epoch FROM life.whole), 0)"

# What would leave first of each page: sellable goods over all active sites that its storefront sells from, in the order of leaving.
_DUE = f"""
    WITH first AS (
        SELECT DISTINCT ON (page.id) page.id, page.storefront_id, {SHARE_LEFT} AS share
        FROM inventory_storefrontproduct page
        JOIN inventory_storefront front ON front.id = page.storefront_id
        JOIN inventory_batchlocation bl ON bl.product_id = page.product_id
        JOIN inventory_batch b ON b.id = bl.batch_id
        JOIN inventory_product p ON p.id = bl.product_id
        JOIN inventory_warehouse w ON w.id = bl.warehouse_id AND w.is_active
             AND {SELLS_FROM}
        {LIFE}
        WHERE bl.has_stock AND bl.quantity > bl.reserved AND bl.blocked_reason IN ('', 'expired')
          AND (bl.effective_expires_at IS NULL OR bl.effective_expires_at > %(at)s::timestamptz + p.min_remaining_days * interval '1 day')
          AND (%(ids)s::bigint[] IS NULL OR page.id = ANY(%(ids)s::bigint[]))
          AND EXISTS (SELECT 1 FROM inventory_markdownstep)
        ORDER BY page.id, CASE p.rotation WHEN 'fifo' THEN NULL ELSE bl.effective_expires_at END NULLS LAST, bl.received_at, bl.id
    ), wanted AS (
        SELECT first.id, max(m.discount_percent) AS percent
        FROM first
        JOIN inventory_markdownstep m ON (m.storefront_id IS NULL OR m.storefront_id = first.storefront_id) AND first.share * 100 <= m.freshness_percent
        GROUP BY first.id
    ), running AS (
        SELECT storefront_product_id AS id, value AS percent FROM inventory_discount WHERE automatic AND valid_to IS NULL
    )
    SELECT id, wanted.percent FROM wanted FULL JOIN running USING (id)
    WHERE wanted.percent IS DISTINCT FROM running.percent AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s::bigint[]))
    ORDER BY id
"""


class MarkdownDue(NamedTuple):
    """A page whose markdown is not what the steps ask for: the percentage that it should have, None for no markdown."""

    listing_id: int
    percent: int | None


def markdowns_due(listing_ids: Iterable[int] | None = None, at: datetime | None = None) -> list[MarkdownDue]:
    """Where the running markdown and the steps disagree, by the freshness of what would leave first of each product. One statement, no locks.

    A page's steps are its storefront's and those of all storefronts; of those that its share of life left has reached, the largest discount counts.
    """
    ids = None if listing_ids is None else sorted(set(listing_ids))
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"ids": ids, "at": at or timezone.now()})
        return [MarkdownDue(*row) for row in cursor.fetchall()]
