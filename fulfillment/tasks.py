"""Work in the background. A message says only where to look; whether there is something to do stands in the database.

The sweeps find what a lost message or a killed worker left behind, so nothing depends on the broker's memory.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import redis
from celery import shared_task
from django.conf import settings

from fulfillment import flows, order_sweep, printing
from fulfillment.partners.circuits import circuit_states
from fulfillment.queries.owed import due_shipments, due_status_reports, due_voids, orders_to_retry, printers_with_queues, shipments_to_poll
from fulfillment.services import stuck, watch
from fulfillment.services.background import ACTOR
from fulfillment.services.label_prints import give_up_label_prints
from fulfillment.services.orders import retry_order
from warehouse.core.errors import Conflict
from warehouse.core.partners.errors import CircuitOpen
from warehouse.outbox.intake import oldest_waiting
from warehouse.outbox.resilience import is_outage

logger = logging.getLogger(__name__)

LIMIT = 200
# A sweep that meets a slow partner makes room for the next one.
SECONDS = 20.0
# Orders come every few minutes only; below the visibility timeout of the broker, or it would be begun twice.
ORDERS_SECONDS = 60.0


@shared_task
def request_shipment(shipment_id: int) -> None:
    """Ask the carrier for one package."""
    flows.request_shipment(shipment_id)


@shared_task
def report_status(report_id: int) -> None:
    """Tell the order system one status."""
    flows.report_status(report_id)


@shared_task
def sweep_shipments() -> None:
    """Ask the carrier for every package that waits for it."""
    _each(due_shipments(LIMIT), flows.request_shipment)


@shared_task
def void_shipment(shipment_id: int) -> None:
    """Have one waybill voided that nobody needs."""
    flows.void_shipment(shipment_id)


@shared_task
def sweep_voids() -> None:
    """Have every waybill voided that nobody needs."""
    _each(due_voids(LIMIT), flows.void_shipment)


@shared_task
def poll_carriers() -> None:
    """Ask how the parcels fare that the carriers have. While the delivery service is down the others of the batch are not asked."""
    down = False

    def poll(shipment_id: int) -> None:
        nonlocal down
        if not down:
            try:
                flows.poll_carrier(shipment_id)
            except CircuitOpen as error:
                logger.info("Parcels are asked for later: %s", error)
                down = True

    _each(shipments_to_poll(LIMIT), poll)


@shared_task
def watch_partners() -> None:
    """Make the alerts about waybills and status reports those of what is stuck now."""
    stuck.watch_partners(actor=ACTOR)


@shared_task(name="fulfillment.watch_work")
def watch_work() -> None:
    """Make the alerts about tasks that stand still, about partners that do not answer, and about orders that nobody takes in, those of what is so now."""
    watch.watch_work(circuit_states(), actor=ACTOR)
    try:
        since = oldest_waiting(settings.LISTINGS_REDIS_URL, settings.ORDERS_STREAM, settings.ORDERS_GROUP)
    except redis.RedisError as error:
        # Nobody knows: the alert stays as it is.
        logger.warning("%s can't be looked at: %s", settings.ORDERS_STREAM, error)
    else:
        watch.watch_intake(settings.ORDERS_STREAM, since, actor=ACTOR)


@shared_task
def print_queued(printer_id: int) -> None:
    """Send the labels that wait for a printer."""
    printing.print_queued(printer_id)


@shared_task
def sweep_label_prints() -> None:
    """Give up the labels that a dead worker has claimed or that waited too long, then print what waits."""
    given_up = give_up_label_prints(actor=ACTOR)
    if given_up:
        logger.warning("%d labels were given up: nobody knows whether they were printed, or nobody printed them in time", given_up)
    _each(printers_with_queues(), printing.print_queued)


@shared_task
def sweep_status_reports() -> None:
    """Tell the order system everything that it is owed."""
    _each(due_status_reports(LIMIT), flows.report_status)


@shared_task
def sweep_orders() -> None:
    """Take in what the stream lost, and tell of what we and the order system disagree about."""
    order_sweep.sweep_orders(seconds=ORDERS_SECONDS)


@shared_task
def retry_due_orders() -> None:
    """Try the rejected orders again for whose goods stock has arrived, the oldest first."""
    _each(orders_to_retry(LIMIT), _retry)


def _retry(order_id: int) -> None:
    try:
        retry_order(order_id, actor=ACTOR)
    except Conflict as error:
        # Accepted or cancelled by somebody else meanwhile, or too busy: the sweep comes again.
        logger.info("Order %d is not tried again now: %s", order_id, error.detail)


def _each(ids: Iterable[int], work: Callable[[int], None]) -> None:
    """Do the work for each id while there is time; one that fails unexpectedly does not stop the others, an outage of ours does."""
    deadline = time.monotonic() + SECONDS
    for pk in ids:
        if time.monotonic() > deadline:
            break
        try:
            work(pk)
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("%s(%d) failed", work.__name__, pk)
