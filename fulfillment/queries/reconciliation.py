"""Do orders, promises, tasks, packages and shipments agree? Every check is one statement that returns only what contradicts.

The tables of promises and places are inventory's; they are read here as they are, because a promise without its task can only be seen from both sides.
Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from fulfillment.queries import reconciliation_order_sql as order_sql
from fulfillment.queries import reconciliation_sql as sql
from fulfillment.queries.reconciliation_waves import WAVES
from warehouse.core.whole_tables import stream


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something that two tables say differently. `found` or `expected` is None where there is no such row."""

    check: str
    subject: str
    order_ref: str | None
    field: str
    found: str | None
    expected: str | None
    todo: str

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        whose = f" of {self.order_ref}" if self.order_ref else ""
        return f"{self.check}: {self.subject}{whose}: {self.field} is {self.found}, should be {self.expected}. {self.todo}"


class Check(NamedTuple):
    """A statement of columns subject, order_ref, field, found, expected: what breaks the rule of the title; and what somebody should do about it."""

    name: str
    title: str
    todo: str
    sql: str


CHECKS = (
    Check(
        "task_without_promise",
        "every open task stands on an active promise",
        "Cancel the task; what is still wanted gets a new picking task.",
        sql.TASK_WITHOUT_PROMISE,
    ),
    Check(
        "promise_without_task",
        "every promise of a confirmed order has somebody who works on it",
        "Cancel the order, or release the reservation; what is still wanted gets a new picking task.",
        sql.PROMISE_WITHOUT_TASK,
    ),
    Check(
        "to_be_picked",
        "what open picking tasks still ask for is what is promised on the shelves",
        "Let the task be planned anew; if it stays so, cancel it and make a new one.",
        sql.TO_BE_PICKED,
    ),
    Check(
        "pick_places",
        "what is to be picked is asked for where it is promised",
        "Let the task be planned anew; if it stays so, cancel it and make a new one.",
        sql.PICK_PLACES,
    ),
    Check(
        "on_the_bench",
        "what was picked of open work is what is promised on the bench",
        "Count the bench; cancel the task and put its goods back.",
        sql.ON_THE_BENCH,
    ),
    Check("picked", "what an item says was picked is the sum of its scans", "Report it; the scans are right.", sql.PICKED),
    Check(
        "picked_too_much", "no more is picked of a product than was ordered", "Cancel one of the tasks and put its goods back.", sql.PICKED_TOO_MUCH
    ),
    Check("counters", "tasks count their items rightly", "Report it; the items are right.", sql.COUNTERS),
    Check(
        "to_be_checked",
        "what an open quality check looks at is what was picked for it",
        "Cancel the check and put its goods back; make a new picking task.",
        sql.TO_BE_CHECKED,
    ),
    Check(
        "to_be_packed",
        "what a packing task is to pack is what was picked for it",
        "Count the bench; cancel the packing task and put its goods back.",
        sql.TO_BE_PACKED,
    ),
    Check(
        "in_packages",
        "what is packed of an item lies in packages, and packed tasks are packed to the end",
        "Open the packages and pack the task anew.",
        sql.IN_PACKAGES,
    ),
    Check(
        "pack_scans",
        "what lies in a package was scanned into it",
        "Open the package: what lies in it is right; pack the task anew.",
        sql.PACK_SCANS,
    ),
    Check(
        "package_shipments",
        "every package of a packed task has one living shipment, which fits the task",
        "Press `try again` on the shipment, or cancel the packing task.",
        order_sql.PACKAGE_SHIPMENTS,
    ),
    Check(
        "stray_shipments",
        "no shipment lives on without its task",
        "Void it, so that the carrier does not fetch what nobody brings.",
        order_sql.STRAY_SHIPMENTS,
    ),
    Check(
        "waybills", "waybills stand on shipment, package and task alike", "Print the label of the shipment: that one is right.", order_sql.WAYBILLS
    ),
    Check(
        "shipped_promises",
        "what was handed over has left the books",
        "Consume the reservation; the goods are gone.",
        order_sql.SHIPPED_PROMISES,
    ),
    Check(
        "order_status",
        "an order's status is that of its tasks, or that it needs attention",
        "Look at the order's tasks: cancel it, or make the task that is missing.",
        order_sql.ORDER_STATUS,
    ),
    Check(
        "missing",
        "what was ordered is on a task, or noted as missing",
        "Make a picking task for what nobody brings, or cancel the order.",
        order_sql.MISSING,
    ),
    Check(
        "put_backs",
        "what lies free on a bench is what is to be put back",
        "Count the bench. Too much there: move it by a count. Too little: look for it, or write it off.",
        sql.PUT_BACKS,
    ),
    Check(
        "picking_batches",
        "batches are where their tasks are, and every tote stands for one order",
        "Cancel the batch: what was not begun waits again, the rest is finished task by task.",
        sql.PICKING_BATCHES,
    ),
    Check(
        "status_reports",
        "the order system is told of every order that is ready",
        "Press `report status again` on the order.",
        order_sql.STATUS_REPORTS,
    ),
    Check(
        "returns",
        "what the carrier brings back has its return, or somebody was told",
        "Write the return by hand, for the order and its parcel.",
        order_sql.RETURNS,
    ),
    Check(
        "waves",
        "waves are where their tasks are: released or not, open or closed",
        "Cancel the wave: what nobody has is free again, what somebody has is finished.",
        WAVES,
    ),
    Check(
        "given_up",
        "nothing that partners are owed was given up",
        "Look why they refuse it (last error), mend that, and press `try again` or `report status again`.",
        order_sql.GIVEN_UP,
    ),
)


def contradictions(check: Check) -> Iterator[Contradiction]:
    """What breaks one check, streamed. Requires an open transaction; several checks agree with each other within one `snapshot`."""
    statement = f"""
        SELECT c.subject::text, c.order_ref::text, c.field::text, c.found::text, c.expected::text
        FROM ({check.sql}) AS c (subject, order_ref, field, found, expected) ORDER BY 1, 3
    """
    for subject, order_ref, field, found, expected in stream(statement):
        yield Contradiction(check.name, subject, order_ref, field, found, expected, check.todo)


def everything_that_contradicts() -> list[Contradiction]:
    """All checks at once, within the caller's transaction: for tests and for small databases."""
    return [found for check in CHECKS for found in contradictions(check)]
