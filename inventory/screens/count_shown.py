"""What `/floor/count` shows of an audit."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inventory.enums import AuditLineStatus, AuditStatus
from inventory.models import Audit, AuditLine, Location, Product
from inventory.queries import floor
from inventory.queries.audits import lines_of
from inventory.screens.goods import PHASES
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.screens import Feedback, show

# More is no list that anybody reads; a scan finds the others too.
_SHOWN = 60


def second_hand(line: AuditLine, actor: Actor) -> bool:
    """Whether the line waits for a second count that is not this one's."""
    return line.status == AuditLineStatus.RECOUNT and line.first_counted_quantity is not None and line.first_counted_by_id == actor.user_id


def screen(request: HttpRequest, actor: Actor, audit: Audit, state: dict[str, Any], feedback: Feedback | None = None) -> HttpResponse:
    """The audit as it stands for this person: what is in hand, the lines of the place, or where to go."""
    place = Location.objects.filter(pk=state.get("place") or 0).first()
    lines = lines_of(audit).select_related("batch")
    total, left = lines.count(), lines.exclude(status=AuditLineStatus.COUNTED).count()
    context: dict[str, Any] = {"audit": audit, "place": place, "total": total, "done": total - left, "left": left, "step": "places"}
    if audit.status != AuditStatus.IN_PROGRESS:
        return show(request, "floor/count.html", context | {"step": "closed"}, feedback)
    if place is None:
        return show(request, "floor/count.html", context | _places(audit, actor), feedback)
    line = lines.filter(pk=state.get("line") or 0).first()
    if line is not None:
        hand = {"goods": line_of(line, audit, actor), "token": "", "asks": "quantity", "unlisted": line.product_id}
        return show(request, "floor/count_hand.html", context | hand | {"quantity": state["quantity"]}, feedback)
    if "found" in state:
        return show(request, "floor/count_hand.html", context | _found(state["found"]) | {"quantity": state["quantity"]}, feedback)
    here = lines.filter(location=place)
    if "choice" in state:
        here = here.filter(pk__in=state["choice"])
    rows = [line_of(line, audit, actor) for line in here.order_by("-status", "pk")[:_SHOWN]]
    asked = request.GET.get("ask", "") if request.method == "GET" else ""
    step = "choice" if "choice" in state else "rest" if asked == "rest" else "lines"
    open_rows = [row for row in rows if row["status"] in ("open", "again")]
    more = {"step": step, "rows": open_rows if step == "rest" else rows, "open": len(open_rows), "size": shown.size_of(place.code)}
    more["unlisted"] = rows[0]["product"] if step == "choice" and rows else 0
    more["stale"] = any(row["stale"] for row in rows)
    return show(request, "floor/count.html", context | more, feedback)


def _places(audit: Audit, actor: Actor) -> dict[str, Any]:
    rows = floor.places_to_count(audit.pk, actor.user_id)
    found = [{"code": row["location__code"], "zone": row["location__zone"], "count": row["count"]} for row in rows[:_SHOWN]]
    first = found[0] if found else None
    return {"places": found[1:], "next": first, "size": shown.size_of(first["code"]) if first else ""}


def line_of(line: AuditLine, audit: Audit, actor: Actor) -> dict[str, Any]:
    """A line as the one who counts sees it; without the books, when the audit is blind."""
    unit = line.product.base_unit
    batch = line.batch
    expires = line.label_expires_on or (batch.label_expires_on if batch else None)
    counted = line.status == AuditLineStatus.COUNTED
    status = "counted" if counted else "other" if second_hand(line, actor) else "again" if line.status == AuditLineStatus.RECOUNT else "open"
    texts: dict[str, Promise | str] = {"other": _("somebody else counts it"), "again": _("count it again")}
    books = line.books_quantity if not audit.blind else None
    return {
        "id": line.pk,
        "product": line.product_id,
        "name": line.product.name,
        "sku": line.product.sku,
        "lot": line.lot_number,
        "expires": shown.day_text(expires) if expires else "",
        "phase": PHASES.get(line.phase, ""),
        "status": status,
        "note": texts.get(status, ""),
        "stale": status in ("open", "again") and line.scanned_at is None,
        "counted": shown.quantity_text(line.counted_quantity, unit) if counted and line.counted_quantity is not None else "",
        "books": shown.quantity_text(books, unit) if books is not None else "",
        "unit": shown.UNITS.get(unit, unit),
        "point": line.product.quantity_step < 1,
    }


def _found(goods: dict[str, Any]) -> dict[str, Any]:
    product = Product.objects.get(pk=goods["product"])
    expires = shown.day_text(date.fromisoformat(goods["expires"])) if goods["expires"] else ""
    return {
        "token": goods["token"],
        "asks": "quantity" if goods["dated"] else "date",
        "found": True,
        "unlisted": 0,
        "goods": {
            "name": product.name,
            "sku": product.sku,
            "lot": goods["lot"],
            "expires": expires,
            "unit": shown.UNITS.get(product.base_unit, product.base_unit),
            "point": product.quantity_step < 1,
        },
    }
