"""The only writer of quantities: BatchLocation, Stock, Movement, and the stock events, in one statement.

Requires the gates of all Stock rows concerned. What it writes is grouped first (a duplicate in UPDATE … FROM would be lost in silence) and counted
after: if fewer rows came back than were meant, nothing stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from psycopg.types.json import Jsonb

from inventory.enums import DocumentType, MovementType
from inventory.errors import BooksDisagree
from inventory.models.stock import StockKey, status_sql
from warehouse.core.actor import Actor
from warehouse.core.documents import REASON_LENGTH
from warehouse.core.transactions import require_transaction
from warehouse.outbox.events import Event


class Entry(NamedTuple):
    """One line of the ledger to be: a change at a BatchLocation."""

    batch_location_id: int
    type: MovementType
    quantity_change: Decimal
    reserved_change: Decimal


@dataclass(frozen=True, slots=True)
class Header:
    """What all lines of one posting have in common. `fact` is the `stock.*` event that every Stock touched announces beside `stock.changed`.

    A `reason` that was put together from several texts is cut to what the ledger keeps; what a person gave is judged before (`require_reason`).
    """

    actor: Actor
    fact: str = ""
    document_type: DocumentType = DocumentType.NONE
    document_id: int | None = None
    order_ref: str = ""
    reservation_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NewReservation:
    """A reservation to be written in the same statement; its items are the entries' reserved quantities."""

    order_ref: str
    warehouse_id: int
    expires_at: datetime | None
    explanation: list[dict[str, Any]]
    confirmed: bool = False


class PostedReservation(NamedTuple):
    """The ids that were given: the reservation's, and of its items by BatchLocation."""

    id: int
    items: dict[int, int]


# Entries, numbered; the running sums give each line of the ledger its before and after. `da` is what becomes available by it.
_ENTRIES = """
    entry AS (
        SELECT e.n, e.bl, e.type, e.dq, e.dr,
               sum(e.dq) OVER (PARTITION BY e.bl ORDER BY e.n) AS q_upto, sum(e.dr) OVER (PARTITION BY e.bl ORDER BY e.n) AS r_upto
        FROM unnest(%(bl)s::bigint[], %(type)s::text[], %(dq)s::numeric[], %(dr)s::numeric[]) WITH ORDINALITY AS e (bl, type, dq, dr, n)
    ),
    total AS (SELECT bl, sum(dq) AS dq, sum(dr) AS dr FROM entry GROUP BY bl),
    bl AS (
        UPDATE inventory_batchlocation b
        SET quantity = b.quantity + t.dq, reserved = b.reserved + t.dr, version = b.version + 1
        FROM total t WHERE b.id = t.bl
        RETURNING b.id, b.warehouse_id, b.product_id, b.batch_id, b.location_id, b.quantity, b.reserved, b.blocked_reason, t.dq, t.dr
    ),
    delta AS (
        SELECT warehouse_id, product_id, sum(dq) AS dq, sum(dr) AS dr, sum(CASE blocked_reason WHEN '' THEN dq - dr ELSE 0 END) AS da
        FROM bl GROUP BY warehouse_id, product_id
    )"""

_BLOCKS = """
    change AS (SELECT * FROM unnest(%(bl)s::bigint[], %(blocked_reason)s::text[]) AS c (bl, blocked_reason)),
    bl AS (
        UPDATE inventory_batchlocation b
        SET blocked_reason = c.blocked_reason, version = b.version + 1
        FROM change c JOIN inventory_batchlocation was ON was.id = c.bl
        WHERE b.id = c.bl
        RETURNING b.id, b.warehouse_id, b.product_id,
                  CASE b.blocked_reason WHEN '' THEN b.quantity - b.reserved ELSE 0 END
                  - CASE was.blocked_reason WHEN '' THEN b.quantity - b.reserved ELSE 0 END AS da
    ),
    delta AS (SELECT warehouse_id, product_id, 0 AS dq, 0 AS dr, sum(da) AS da FROM bl GROUP BY warehouse_id, product_id)"""

_FIGURES = """
    bl AS (
        UPDATE inventory_batchlocation b
        SET quantity = f.quantity, reserved = f.reserved, version = b.version + 1
        FROM unnest(%(bl)s::bigint[], %(quantity)s::numeric[], %(reserved)s::numeric[]) AS f (id, quantity, reserved)
        WHERE b.id = f.id
        RETURNING b.id
    ),
    delta AS (
        SELECT d.*, d.dq - d.dr - d.db AS da
        FROM unnest(%(warehouses)s::bigint[], %(products)s::bigint[], %(dq)s::numeric[], %(dr)s::numeric[], %(db)s::numeric[])
             AS d (warehouse_id, product_id, dq, dr, db)
    )"""

_STOCK = f"""
    st AS (
        UPDATE inventory_stock s
        SET quantity = s.quantity + d.dq, reserved = s.reserved + d.dr, blocked = s.blocked + d.dq - d.dr - d.da, version = s.version + 1, updated_at = now(),
            status = {status_sql("s.available + d.da", "s.low_stock_threshold")}
        FROM delta d WHERE s.warehouse_id = d.warehouse_id AND s.product_id = d.product_id
        RETURNING s.id, s.warehouse_id, s.product_id, s.available, s.status, s.low_stock_threshold AS low, s.available - d.da AS was
    )"""

_MOVEMENTS = """
    mv AS (
        INSERT INTO inventory_movement (type, product_id, batch_id, batch_location_id, location_id, warehouse_id, quantity_change, reserved_change,
            quantity_before, quantity_after, reserved_after, document_type, document_id, order_ref, reservation_id, reason, performed_by, performed_by_type)
        SELECT e.type, bl.product_id, bl.batch_id, bl.id, bl.location_id, bl.warehouse_id, e.dq, e.dr,
               bl.quantity - bl.dq + e.q_upto - e.dq, bl.quantity - bl.dq + e.q_upto, bl.reserved - bl.dr + e.r_upto,
               %(doc)s::text, {doc_id}, %(order_ref)s::text, {reservation_id}, %(reason)s::text,
               %(actor)s::text, %(actor_type)s::text
        FROM entry e JOIN bl ON bl.id = e.bl ORDER BY e.n
    )"""

_RESERVATION = """
    res AS (
        INSERT INTO inventory_reservation (order_ref, warehouse_id, status, expires_at, confirmed_at, reason, explanation, created_at, version)
        VALUES (%(order_ref)s::text, %(warehouse)s, 'active', %(expires_at)s::timestamptz, CASE WHEN %(sure)s THEN now() END, '', %(why)s, now(), 1)
        RETURNING id
    ),
    item AS (
        INSERT INTO inventory_reservationitem (reservation_id, batch_location_id, product_id, quantity)
        SELECT res.id, bl.id, bl.product_id, bl.dr FROM bl CROSS JOIN res ORDER BY bl.id
        RETURNING id, batch_location_id
    )"""

_EVENTS = """
    ev AS (
        INSERT INTO outbox_outboxevent (id, type, aggregate_type, aggregate_id, payload, actor)
        SELECT gen_random_uuid(), x.type, x.kind, x.of, x.payload, %(actor)s::text FROM (
            SELECT k.rank, 0 AS n, k.type, 'stock' AS kind, st.id::text AS of,
                   jsonb_build_object('stock_id', st.id, 'shop_product_id', l.id, 'listing_id', l.external_listing_id, 'product_id', st.product_id,
                                      'warehouse_id', w.external_id, 'available', trim_scale(st.available)::text, 'status', st.status) AS payload
            FROM st
            JOIN inventory_warehouse w ON w.id = st.warehouse_id
            LEFT JOIN LATERAL (
                SELECT sp.id, sp.external_listing_id FROM inventory_storefrontproduct sp WHERE sp.product_id = st.product_id ORDER BY sp.id LIMIT 1
            ) l ON true
            CROSS JOIN LATERAL (VALUES
                (1, %(fact)s::text, %(fact)s::text <> ''),
                (2, 'stock.changed', st.available <> st.was),
                (3, 'stock.low', st.was > st.low AND st.available <= st.low AND st.available > 0),
                (4, 'stock.out', st.was > 0 AND st.available <= 0)
            ) AS k (rank, type, wanted)
            WHERE k.wanted
            UNION ALL
            SELECT 5, g.n, g.type, g.kind, {of}, {payload}
            FROM unnest(%(ev_type)s::text[], %(ev_kind)s::text[], %(ev_of)s::text[], %(ev_data)s::jsonb[])
                 WITH ORDINALITY AS g (type, kind, of, payload, n)
        ) x ORDER BY x.rank, x.n, x.of
    )"""

_COUNTS = "(SELECT count(*) FROM bl), (SELECT count(*) FROM st), (SELECT count(*) FROM delta)"
_GIVEN = {"of": "g.of", "payload": "g.payload"}
# An event about the reservation that is being made names it only here, where its id exists.
_OF_RESERVATION = {
    "of": "coalesce(nullif(g.of, ''), (TABLE res)::text)",
    "payload": "g.payload || jsonb_build_object('reservation_id', (TABLE res))",
}


def _one_line(statement: str) -> str:
    # The driver keeps the parsed form of a statement only when it is short.
    return " ".join(statement.split())


_POST = _one_line(
    f"WITH {_ENTRIES}, {_STOCK}, "
    f"{_MOVEMENTS.format(doc_id='%(doc_id)s::bigint', reservation_id='%(reservation_id)s::bigint')}, {_EVENTS.format(**_GIVEN)} SELECT {_COUNTS}"
)
_POST_RESERVATION = _one_line(
    f"WITH {_ENTRIES}, {_STOCK}, {_RESERVATION}, {_MOVEMENTS.format(doc_id='(TABLE res)', reservation_id='(TABLE res)')}, {_EVENTS.format(**_OF_RESERVATION)} "
    f"SELECT {_COUNTS}, (TABLE res), (SELECT array_agg(batch_location_id) FROM item), (SELECT array_agg(id) FROM item)"
)
_BLOCK = _one_line(f"WITH {_BLOCKS}, {_STOCK}, {_EVENTS.format(**_GIVEN)} SELECT {_COUNTS}")
_REBUILD = _one_line(f"WITH {_FIGURES}, {_STOCK}, {_EVENTS.format(**_GIVEN)} SELECT {_COUNTS}")


def post(entries: Sequence[Entry], header: Header, events: Sequence[Event] = ()) -> None:
    """Write the entries: quantities of BatchLocations and Stock, lines of the ledger, `stock.*` events and the given events. One statement.

    The caller holds the gates. Raises BooksDisagree when a BatchLocation or its Stock row is not there; the CHECK constraints refuse what would
    break 0 ≤ reserved ≤ quantity.
    """
    if not entries:
        return
    _run(_POST, _entry_params(entries) | _header_params(header) | _event_params(events), _places(entries))


def post_reservation(entries: Sequence[Entry], header: Header, reservation: NewReservation, events: Sequence[Event] = ()) -> PostedReservation:
    """As `post`, and write the reservation with one item per BatchLocation. Events with an empty aggregate id are about the new reservation."""
    parameters = (
        _entry_params(entries)
        | _header_params(header)
        | _event_params(events)
        | {
            "warehouse": reservation.warehouse_id,
            "expires_at": reservation.expires_at,
            "why": Jsonb(reservation.explanation),
            "sure": reservation.confirmed,
        }
    )
    row = _run(_POST_RESERVATION, parameters, _places(entries))
    return PostedReservation(row[3], dict(zip(row[4], row[5], strict=True)))


def block(reasons: dict[int, str], header: Header) -> None:
    """Set why the free goods of these BatchLocations are not for sale ('' for: they are), with Stock.blocked and the `stock.*` events that follow."""
    if not reasons:
        return
    parameters = {"bl": list(reasons), "blocked_reason": [str(reason) for reason in reasons.values()]}
    _run(_BLOCK, parameters | _header_params(header) | _event_params(()), len(reasons))


def rebuild(places: Mapping[int, tuple[Decimal, Decimal]], totals: Mapping[StockKey, tuple[Decimal, Decimal, Decimal]], header: Header) -> None:
    """Set quantity and reserved of these BatchLocations and add to quantity, reserved and blocked of these totals, with the `stock.*` events.

    It leaves the ledger alone, for the ledger is what the figures were computed from. The caller holds the gates.
    """
    if not places and not totals:
        return
    parameters = {
        "bl": list(places),
        "quantity": [quantity for quantity, _ in places.values()],
        "reserved": [reserved for _, reserved in places.values()],
        "warehouses": [key.warehouse_id for key in totals],
        "products": [key.product_id for key in totals],
        "dq": [quantity for quantity, _, _ in totals.values()],
        "dr": [reserved for _, reserved, _ in totals.values()],
        "db": [blocked for _, _, blocked in totals.values()],
    }
    _run(_REBUILD, parameters | _header_params(header) | _event_params(()), len(places))


def _places(entries: Iterable[Entry]) -> int:
    return len({entry.batch_location_id for entry in entries})


def _run(sql: str, parameters: dict[str, Any], places: int) -> tuple[Any, ...]:
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
    assert row is not None
    if row[0] != places or row[1] != row[2]:
        raise BooksDisagree(
            f"Meant to change {places} places and {row[2]} totals, found {row[0]} and {row[1]}.", places=places, found=row[0], totals=row[1]
        )
    return row


def _entry_params(entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "bl": [entry.batch_location_id for entry in entries],
        "type": [str(entry.type) for entry in entries],
        "dq": [entry.quantity_change for entry in entries],
        "dr": [entry.reserved_change for entry in entries],
    }


def _header_params(header: Header) -> dict[str, Any]:
    return {
        "fact": header.fact,
        "doc": str(header.document_type),
        "doc_id": header.document_id,
        "order_ref": header.order_ref,
        "reservation_id": header.reservation_id,
        "reason": header.reason[:REASON_LENGTH],
        "actor": header.actor.name,
        "actor_type": str(header.actor.type),
    }


def _event_params(events: Sequence[Event]) -> dict[str, Any]:
    return {
        "ev_type": [event.type for event in events],
        "ev_kind": [event.aggregate_type for event in events],
        "ev_of": [str(event.aggregate_id) for event in events],
        "ev_data": [Jsonb(event.payload) for event in events],
    }
