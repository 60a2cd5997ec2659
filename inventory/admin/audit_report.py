"""The report of an audit in words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from inventory.enums import AuditStatus
from inventory.models import Audit
from inventory.queries.audit_report import AuditReport, Money, audit_report
from warehouse.core.admin import plain, signed

PLACES_SHOWN = 50


def report_of(row: Audit) -> SafeString:
    """The report of an audit as a part of its page."""
    return render_to_string("admin/audit_report.html", shown_report(audit_report(row)) | {"completed": row.status == AuditStatus.COMPLETED})


def shown_report(report: AuditReport) -> dict[str, Any]:
    """A report in words."""

    def share(percent: Decimal | None) -> str:
        return "" if percent is None else f"{plain(percent)} %"

    def worth(rows: Iterable[Money]) -> str:
        return ", ".join(f"{row.net:+,.2f} {row.currency}" for row in rows)

    off = [place for place in report.places if place.right < place.counted or place.money]
    return {
        "summary": f"{report.right} of {report.counted} counted lines were right" + (f" ({share(report.accuracy)})" if report.counted else ""),
        "rest": {"not counted": report.uncounted, "to be counted again": report.to_recount, "found": report.found},
        "units": [(row.unit, plain(row.books), signed(row.missing * -1), signed(row.surplus), share(row.accuracy)) for row in report.units],
        "money": [(row.currency, f"{row.missing:+,.2f}", f"{row.surplus:+,.2f}", f"{row.net:+,.2f}") for row in report.money],
        "places": [(row.location, row.counted, row.right, share(row.accuracy), worth(row.money)) for row in off[:PLACES_SHOWN]],
        "more_places": max(0, len(off) - PLACES_SHOWN),
    }
