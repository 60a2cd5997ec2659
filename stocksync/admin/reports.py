"""Weekly reports: how many were told at the first try, how long the others took, what waited for a person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from unfold.decorators import display

from stocksync.admin.base import DASH, badge, seconds
from stocksync.enums import DiscrepancyKind
from stocksync.models import SyncReport
from stocksync.queries.reports import LEAST_ORDERS
from warehouse.core.admin import BigTableAdmin
from warehouse.core.charts import Chart, bars

Figures = dict[str, Any]

# What a report tells of each channel and of all: title, and where it stands in the figures.
COUNTS = [
    ("operations", "operations"),
    ("tries", "tries"),
    ("completed", "completed"),
    ("given up", "failed"),
    ("cancelled", "cancelled"),
    ("rolled back", "rolled_back"),
    ("retried by hand", "retried_by_hand"),
    ("told again", "told_again"),
    ("manual reviews", "manual_reviews"),
    ("owed when this was made", "still_owed"),
]


# Shorter outages, and those of fewer orders, are not told apart from lost calls.
NO_WINDOW = f"No marketplace left {LEAST_ORDERS} orders or more in a row without an answer."


def percent(share: float | None) -> str:
    """A share as it is read: never rounded up to all."""
    return DASH if share is None else f"{int(share * 10_000) / 100:g} %"


@admin.register(SyncReport)
class ReportAdmin(BigTableAdmin):
    list_display = ["week", "operations", "first_tries", "mean_retry", "found", "reviews", "faults", "made_at"]
    list_display_links = ["week"]
    ordering = ["-begins_at"]
    readonly_fields = ["week", "judged", "by_channel", "chart", "found_by_kind", "windows"]
    fields = ["week", "made_at", "judged", "chart", "by_channel", "found_by_kind", "windows"]

    def get_fieldsets(self, request: HttpRequest, obj: SyncReport | None = None) -> list[Any]:
        return [
            (None, {"fields": [("week", "made_at"), "judged"]}),
            ("Day by day", {"fields": ["chart"]}),
            ("By channel", {"fields": ["by_channel"]}),
            ("Discrepancies", {"fields": ["found_by_kind"]}),
            ("Fault windows", {"fields": ["windows"]}),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request)

    @display(description="from, until")
    def week(self, row: SyncReport) -> str:
        begins, ends = timezone.localtime(row.begins_at), timezone.localtime(row.ends_at)
        return f"{date_format(begins, 'j M Y')} – {date_format(ends, 'j M Y')}"

    @display(description="operations")
    def operations(self, row: SyncReport) -> int:
        return int(row.figures["all"]["operations"])

    @display(description="first try, outside faults")
    def first_tries(self, row: SyncReport) -> SafeString:
        told = row.figures["all"]
        return badge(told["first_try_met"], percent(told["outside"]["first_try_share"]), {True: "success", False: "danger"})

    @display(description="mean time to retry")
    def mean_retry(self, row: SyncReport) -> SafeString:
        told = row.figures["all"]
        return badge(told["retry_time_met"], seconds(told["outside"]["retry_seconds_mean"]), {True: "success", False: "danger"})

    @display(description="discrepancies")
    def found(self, row: SyncReport) -> int:
        return sum(counts["found"] for counts in row.figures["all"]["discrepancies"].values())

    @display(description="manual reviews")
    def reviews(self, row: SyncReport) -> int:
        return int(row.figures["all"]["manual_reviews"])

    @display(description="fault windows")
    def faults(self, row: SyncReport) -> int:
        return len(row.figures["fault_windows"])

    @display(description="outside and inside of fault windows")
    def judged(self, row: SyncReport) -> SafeString:
        told = row.figures["all"]
        sides = [{"name": name, **_tries(told[key])} for name, key in (("outside", "outside"), ("inside", "inside"))]
        words = {
            "sides": [*sides, {"name": "together", **_tries(told)}],
            "first_try_met": told["first_try_met"],
            "retry_time_met": told["retry_time_met"],
        }
        return render_to_string("admin/stocksync/report_judged.html", words)

    @display(description="chart")
    def chart(self, row: SyncReport) -> SafeString:
        return render_to_string("admin/stocksync/report_chart.html", {"charts": _charts(row.figures["days"])})

    @display(description="by channel")
    def by_channel(self, row: SyncReport) -> SafeString:
        accounts = [("all", row.figures["all"]), *sorted(row.figures["channels"].items())]
        table = [
            ["first try, outside fault windows", *(percent(told["outside"]["first_try_share"]) for _, told in accounts)],
            ["mean time to retry, outside", *(seconds(told["outside"]["retry_seconds_mean"]) for _, told in accounts)],
            *([title, *(told[key] for _, told in accounts)] for title, key in COUNTS),
        ]
        return render_to_string("admin/stocksync/table.html", {"heads": ["", *(code for code, _ in accounts)], "rows": table})

    @display(description="discrepancies")
    def found_by_kind(self, row: SyncReport) -> SafeString:
        kinds = row.figures["all"]["discrepancies"]
        table = [
            [DiscrepancyKind(kind).label, counts["found"], counts["resolved"], counts["resolved_by_hand"], counts["open"]]
            for kind, counts in sorted(kinds.items())
        ]
        heads = ["kind", "found", "resolved", "of them by hand", "open at the end"]
        return render_to_string("admin/stocksync/table.html", {"heads": heads, "rows": table, "empty": "None was found, none was open."})

    @display(description="fault windows")
    def windows(self, row: SyncReport) -> SafeString:
        table = [
            [each["channel"], _moment(each["begins_at"]), _moment(each["ends_at"]), each["orders"], each["tries"]]
            for each in row.figures["fault_windows"]
        ]
        heads = ["channel", "from", "until", "orders", "tries without an answer"]
        return render_to_string("admin/stocksync/table.html", {"heads": heads, "rows": table, "empty": NO_WINDOW})


def _tries(told: Figures) -> Figures:
    return {
        "first_tries": told["first_tries"],
        "successes": told["first_try_successes"],
        "share": percent(told["first_try_share"]),
        "retried": told["retried"],
        "mean": seconds(told["retry_seconds_mean"]),
        "p95": seconds(told["retry_seconds_p95"]),
        "longest": seconds(told["retry_seconds_max"]),
    }


def _charts(days: list[Figures]) -> list[Chart]:
    named = [(date_format(day, "D j"), told) for told in days if (day := parse_date(told["day"]))]
    again = {name: told["tries"] - told["first_tries"] for name, told in named}
    return [
        bars("Told to marketplaces", {"completed": _by(named, "completed"), "given up": _by(named, "failed")}, stacked=True),
        bars("Tries", {"first": _by(named, "first_tries"), "again": again}, stacked=True),
    ]


def _by(named: list[tuple[str, Figures]], key: str) -> dict[str, float]:
    return {name: float(told[key]) for name, told in named}


def _moment(text: str) -> str:
    moment = parse_datetime(text)
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else text
