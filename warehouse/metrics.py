"""Prometheus figures, read from the database at every scrape: the same from whichever process answers."""

import hmac
from collections.abc import Iterator
from datetime import timedelta

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from fulfillment.partners.circuits import STATES, circuit_states
from fulfillment.queries.performance import Duration, performance
from inventory.queries.alerts import overdue_reservations
from inventory.queries.reports import open_alerts_by_kind
from stocksync.flows import circuits as marketplaces
from stocksync.queries.figures import channel_figures
from stocksync.queries.reports import mean_retry_seconds
from warehouse.outbox.feed import backlog

RECENT = timedelta(hours=1)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for `Authorization: Bearer METRICS_TOKEN`; without such a token only for this machine, and not through a proxy."""
    if not may_read(request):
        return HttpResponse("Send 'Authorization: Bearer' with the value of METRICS_TOKEN.\n", status=403, content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(Outbox())
    registry.register(OrderStream())
    registry.register(Fulfillment())
    registry.register(Partners())
    registry.register(StockSync())
    registry.register(Promises())
    registry.register(Alerts())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """Whether the figures are for this caller."""
    token: str = settings.METRICS_TOKEN
    if token:
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and "X-Forwarded-For" not in request.headers


class Outbox(Collector):
    """How much waits to be published, and for how long."""

    def collect(self) -> Iterator[Metric]:
        outbox = backlog()
        age = (timezone.now() - outbox.oldest).total_seconds() if outbox.oldest else 0.0
        yield GaugeMetricFamily("outbox_backlog_events", "Events that are not published yet", value=outbox.waiting)
        yield GaugeMetricFamily("outbox_parked_events", "Events whose publication failed", value=outbox.parked)
        yield GaugeMetricFamily("outbox_oldest_seconds", "Age of the oldest unpublished event", value=age)


class OrderStream(Collector):
    """How far the consumers are behind the order system's stream; nothing while Redis is away."""

    def collect(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily("orders_stream_lag_entries", "Entries that no consumer has been given")
        pending = GaugeMetricFamily("orders_stream_pending_entries", "Entries given to a consumer and not acknowledged")
        dead = GaugeMetricFamily("orders_stream_dead_letters", "Entries set aside with an error")
        up = GaugeMetricFamily("orders_stream_up", "Whether the stream's server answers")
        try:
            with redis.Redis.from_url(settings.LISTINGS_REDIS_URL, socket_timeout=2, socket_connect_timeout=2, decode_responses=True) as client:
                groups = client.xinfo_groups(settings.ORDERS_STREAM) if client.exists(settings.ORDERS_STREAM) else []
                for group in groups:
                    if group["name"] == settings.ORDERS_GROUP:
                        pending.add_metric([], group["pending"])
                        # Redis does not know the lag after entries in the middle were deleted.
                        if group.get("lag") is not None:
                            lag.add_metric([], group["lag"])
                dead.add_metric([], client.xlen(f"{settings.ORDERS_STREAM}:dlq"))
            up.add_metric([], 1)
        except redis.RedisError:
            up.add_metric([], 0)
        yield from (lag, pending, dead, up)


class Fulfillment(Collector):
    """What the requirements name: durations and rates of the last 24 hours, speeds of the last hour."""

    def collect(self) -> Iterator[Metric]:
        now = performance()
        yield from _duration("picking_task_duration_seconds", "From the creation of a picking task to its completion", now.picking)
        yield from _duration("packing_task_duration_seconds", "From the creation of a packing task until it was packed", now.packing)
        yield from _duration("order_to_shipment_duration_seconds", "From the confirmed order to the waybill of a package", now.order_to_shipment)
        picks = GaugeMetricFamily("picking_items_per_hour", "Picks of the last hour", labels=["worker"])
        for worker, count in now.picks_by_worker.items():
            picks.add_metric([worker], count)
        orders = GaugeMetricFamily("orders_open", "Orders that are not shipped or cancelled", labels=["status"])
        for status, count in now.open_orders.items():
            orders.add_metric([status], count)
        yield from (picks, orders)
        # A rate of nothing is not zero: it is left out.
        for name, text, value in (
            ("picking_shortage_rate", "Part of the finished picking items that were short or skipped", now.picking_shortage_rate),
            ("packing_tasks_per_hour", "Packing tasks packed in the last hour", now.packing_tasks_per_hour),
            ("average_package_weight", "Kilograms", now.average_package_weight),
            ("fulfillment_success_rate", "Part of the orders that were shipped, not rejected or left to a person", now.fulfillment_success_rate),
            ("picking_tasks_stuck", "Picking tasks in progress for more than two hours", now.picking_tasks_stuck),
            ("packing_tasks_unmeasured", "Packing tasks without a measured package for more than an hour", now.packing_tasks_unmeasured),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, text, value=float(value))


def _duration(name: str, text: str, duration: Duration) -> Iterator[Metric]:
    seconds = GaugeMetricFamily(name, text, labels=["quantile"])
    for quantile, value in (("0.5", duration.median), ("0.95", duration.most)):
        if value is not None:
            seconds.add_metric([quantile], value)
    yield seconds
    yield GaugeMetricFamily(f"{name}_observed", "How many ended in the last 24 hours", value=duration.count)


class Partners(Collector):
    """How the circuits to the partners stand, as all workers see them: one of each partner's states is 1."""

    def collect(self) -> Iterator[Metric]:
        circuit = GaugeMetricFamily("partner_circuit_state", "Whether the partner's circuit is in this state", labels=["partner", "state"])
        failures = GaugeMetricFamily("partner_circuit_failures", "Outages in a row", labels=["partner"])
        down = GaugeMetricFamily("partner_down_seconds", "How long the partner has given no answer, as far as it was asked", labels=["partner"])
        for now in circuit_states() + marketplaces.circuit_states():
            for state in STATES:
                circuit.add_metric([now.partner, state], int(state == now.state))
            failures.add_metric([now.partner], now.failures)
            down.add_metric([now.partner], now.down_for.total_seconds())
        yield from (circuit, failures, down)


class StockSync(Collector):
    """What each channel is owed and disagrees about now, and how its tries of the last hour went."""

    def collect(self) -> Iterator[Metric]:
        pending = GaugeMetricFamily("stock_sync_pending_operations", "Operations that wait to be told to the marketplace", labels=["channel"])
        ratio = GaugeMetricFamily("stock_sync_success_ratio", "Part of the tries of the last hour that succeeded", labels=["channel"])
        retry = GaugeMetricFamily(
            "stock_sync_retry_seconds",
            "Mean time from the first failure to the completion, of what was completed in the last hour",
            labels=["channel"],
        )
        differences = GaugeMetricFamily("stock_sync_discrepancies", "Open discrepancies in which the two sides differ", labels=["channel"])
        reviews = GaugeMetricFamily("stock_sync_manual_reviews", "Open discrepancies of every kind: each waits for a person", labels=["channel"])
        now = timezone.now()
        means = mean_retry_seconds(now - RECENT, now)
        for each in channel_figures(window=RECENT):
            code = [each.channel.code]
            pending.add_metric(code, each.pending)
            differences.add_metric(code, each.differences)
            reviews.add_metric(code, each.manual_reviews)
            # A rate of nothing is not zero: it is left out.
            if each.failure_rate is not None:
                ratio.add_metric(code, 1 - each.failure_rate)
            if each.channel.pk in means:
                retry.add_metric(code, means[each.channel.pk])
        yield from (pending, ratio, retry, differences, reviews)


class Promises(Collector):
    """Reservations that should be gone."""

    def collect(self) -> Iterator[Metric]:
        overdue = overdue_reservations().count()
        yield GaugeMetricFamily("reservations_overdue", "Reservations that have expired and still hold stock", value=overdue)


class Alerts(Collector):
    """What somebody should look at."""

    def collect(self) -> Iterator[Metric]:
        alerts = GaugeMetricFamily("alerts_open", "Alerts whose cause is still there", labels=["kind"])
        for kind, count in open_alerts_by_kind().items():
            alerts.add_metric([kind], count)
        yield alerts
