"""Parts of pages that several nouns show."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from unfold.decorators import display

from stocksync.admin.base import ACTION_COLOURS, COLOURS, DASH, age, ahead, badge, duration, link, once, ordinal, told_in_words
from stocksync.enums import OperationStatus
from stocksync.models import ChannelOrder, ChannelOrderLine, Discrepancy, PendingStockOperation, StockSynchronizationLog
from warehouse.core.admin import ReadOnlyInline, plain
from warehouse.core.texts import counted


class LogShown:
    """The columns of a row of the log."""

    @display(description="when")
    def at(self, row: StockSynchronizationLog) -> str:
        return date_format(timezone.localtime(row.timestamp), "j M H:i:s")

    @display(description="step")
    def step(self, row: StockSynchronizationLog) -> SafeString:
        return badge(row.action, row.get_action_display(), ACTION_COLOURS)

    @display(description="took")
    def took(self, row: StockSynchronizationLog) -> str:
        return duration(row.execution_time_ms)

    @display(description="what was said")
    def said(self, row: StockSynchronizationLog) -> str:
        return told_in_words(row.details)

    @display(description="then it was")
    def then(self, row: StockSynchronizationLog) -> SafeString:
        return badge(row.status, row.get_status_display(), COLOURS)


def tries_of(row: PendingStockOperation) -> str:
    """How often it was tried since it was owed, and how that ended. Only refusals count towards the limit."""
    if row.completed_at is not None:
        return {0: "known without a call", 1: "told at once"}.get(row.attempts, f"told at the {ordinal(row.attempts)} try")
    if not row.attempts:
        return "none"
    silent = row.attempts - row.retry_count - (row.status == OperationStatus.PROCESSING)
    if not row.retry_count:
        return f"{counted(silent, 'try', 'tries')}, none answered" if silent else "the first one now"
    refused = f"{row.retry_count} of {row.max_retries} refused"
    return f"{refused}, {silent} not answered" if silent else refused


class OperationShown:
    """The columns of an operation."""

    @display(description="status")
    def state(self, row: PendingStockOperation) -> SafeString:
        return badge(row.status, row.get_status_display(), COLOURS)

    @display(description="kind")
    def kind(self, row: PendingStockOperation) -> str:
        return row.get_operation_type_display()

    @display(description="tries")
    def tries(self, row: PendingStockOperation) -> str:
        return tries_of(row)

    @display(description="next try")
    def next_try(self, row: PendingStockOperation) -> str:
        if row.status == OperationStatus.PENDING:
            return ahead(row.next_retry_at)
        return "with a worker" if row.status == OperationStatus.PROCESSING else DASH


class LogInline(LogShown, ReadOnlyInline):
    model = StockSynchronizationLog
    fields = ["at", "step", "then", "took", "performed_by", "said"]
    readonly_fields = ["at", "step", "then", "took", "said"]
    verbose_name_plural = "log"
    ordering = ["timestamp"]


class OperationInline(OperationShown, ReadOnlyInline):
    model = PendingStockOperation
    fields = ["page", "state", "wanted_there", "tries", "next_try", "created_at", "completed_at", "error_message"]
    readonly_fields = ["page", "state", "tries", "next_try", "created_at"]
    verbose_name_plural = "told to the marketplace"
    ordering = ["created_at"]

    @display(description="operation")
    def page(self, row: PendingStockOperation) -> SafeString:
        return link(row, row.get_operation_type_display())


class DiscrepancyInline(ReadOnlyInline):
    model = Discrepancy
    fk_name = "order"
    fields = ["page", "detail", "since", "how_ended"]
    readonly_fields = ["page", "since", "how_ended"]
    verbose_name_plural = "discrepancies"
    ordering = ["-found_at"]

    @display(description="discrepancy")
    def page(self, row: Discrepancy) -> SafeString:
        return link(row, row.get_kind_display())

    @display(description="found")
    def since(self, row: Discrepancy) -> str:
        return f"{age(row.found_at)} ago"

    @display(description="resolved")
    def how_ended(self, row: Discrepancy) -> str:
        return row.resolution if row.resolved_at else "open"


class LineInline(ReadOnlyInline):
    model = ChannelOrderLine
    fields = ["sku", "goods", "offer_id", "ordered"]
    readonly_fields = ["goods", "ordered"]
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("product").order_by("pk")

    @display(description="product")
    def goods(self, row: ChannelOrderLine) -> str:
        return row.product.name if row.product else row.name or "unknown here"

    @display(description="quantity")
    def ordered(self, row: ChannelOrderLine) -> str:
        return plain(row.quantity)


def lines_of(order: ChannelOrder) -> SafeString:
    """The lines of an order, for the pages of what belongs to it."""
    return once(order, "lines", lambda: _lines_of(order))


def _lines_of(order: ChannelOrder) -> SafeString:
    lines = [
        {"sku": line.sku, "name": line.product.name if line.product else line.name, "quantity": plain(line.quantity)}
        for line in order.lines.select_related("product")
    ]
    return render_to_string("admin/stocksync/lines.html", {"lines": lines})
