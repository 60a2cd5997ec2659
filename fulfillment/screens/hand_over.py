"""`/floor/hand-over`: a carrier fetches parcels. Choose the carrier, scan every parcel that goes, hand over.

Which parcels were scanned is kept in the session; nothing leaves the books before the button is pressed.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.enums import ShipmentStatus
from fulfillment.models import Shipment
from fulfillment.queries import pick_ups
from fulfillment.services.hand_over import MOST_PARCELS, Manifest, hand_over_shipments
from warehouse.core.actor import Actor
from warehouse.core.screens import (
    DONE,
    RIGHT,
    WRONG,
    Feedback,
    answer,
    attempt,
    leave,
    nothing_scanned,
    posted_id,
    scanned_code,
    show,
    site_view,
)

_KEPT = "floor_hand_over"
# More is no list that anybody reads; a scan finds the others too.
_SHOWN = 50


@site_view(hand_over_shipments)
def screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The carriers that have parcels here; or what is still to be scanned for the one that was chosen."""
    return _screen(request, warehouse)


@site_view(hand_over_shipments, method="POST")
def choose(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Begin with a carrier; without one, lay the list aside and choose again."""
    _keep(request, warehouse, posted_id(request, "carrier"), [])
    return leave(request, None, to=reverse("floor:hand_over"))


@site_view(hand_over_shipments, method="POST")
def scan(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """A scanned parcel goes onto the list; the first one chooses the carrier."""
    return _answer(request, warehouse, _scanned(request, warehouse))


@site_view(hand_over_shipments, method="POST")
def undo(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Take the last parcel off the list."""
    carrier, scanned = _kept(request, warehouse)
    _keep(request, warehouse, carrier, scanned[:-1])
    return _answer(request, warehouse, Feedback(RIGHT, _("Taken off the list")) if scanned else None)


@site_view(hand_over_shipments, method="POST")
def finish(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The carrier has all scanned parcels. What can't go stays on the list and is told."""
    carrier, scanned = _kept(request, warehouse)
    if not scanned:
        return _answer(request, warehouse, nothing_scanned())

    def hand_over() -> Feedback:
        manifest = hand_over_shipments(scanned, actor=actor)
        gone = set(manifest.handed_over)
        _keep(request, warehouse, carrier, [pk for pk in scanned if pk not in gone])
        return _told(manifest)

    return _answer(request, warehouse, attempt(hand_over))


def _told(manifest: Manifest) -> Feedback:
    count = len(manifest.handed_over)
    went = ngettext("Handed over: %(n)s parcel", "Handed over: %(n)s parcels", count) % {"n": count}
    if not manifest.refused:
        return Feedback(DONE, went)
    first = manifest.refused[0]
    missing = first.error.data.get("missing", [])
    hint = _("Scan the parcels that belong to it, or take it off the list.") if missing else _("Keep it here.")
    # In the words of the labels: who stands there with a parcel in hand reads those.
    stays = ", ".join(pick_ups.orders_of([row.task_id for row in manifest.refused[:3]]))
    needed = ", ".join(pick_ups.tracking_numbers(missing[:3]))
    detail = "" if missing else first.error.detail
    return Feedback(WRONG, _("Stays here: %(tasks)s") % {"tasks": stays}, f"{went}. {hint}" if count else hint, expected=needed, detail=detail)


def _scanned(request: HttpRequest, warehouse: int) -> Feedback:
    code = scanned_code(request)
    if not code:
        return nothing_scanned()
    carrier, scanned = _kept(request, warehouse)
    row = pick_ups.parcel_by_scan(warehouse, code)
    if row is None:
        return Feedback(WRONG, _("No parcel of ours"), _("Scan the label of a packed parcel."), scanned=code)
    name = row.order.name
    if row.status != ShipmentStatus.CREATED:
        return _not_ready(row, name)
    if carrier and row.provider_id != carrier:
        return Feedback(WRONG, _("For another carrier: %(name)s") % {"name": row.provider.name}, _("Put it aside."), scanned=name)
    if row.pk in scanned:
        return Feedback(RIGHT, name, _("Is on the list already."))
    if len(scanned) == MOST_PARCELS:
        return Feedback(WRONG, _("The list is full"), _("Hand these over first."), scanned=name)
    _keep(request, warehouse, row.provider_id, [*scanned, row.pk])
    together = list(pick_ups.ready_parcels(warehouse).filter(packing_task=row.packing_task_id).values_list("pk", flat=True))
    here = len([pk for pk in together if pk in {*scanned, row.pk}])
    hint = _("Parcel %(n)s of %(all)s of this order.") % {"n": here, "all": len(together)} if len(together) > 1 else ""
    return Feedback(RIGHT, name, hint)


def _not_ready(row: Shipment, name: str) -> Feedback:
    if row.status == ShipmentStatus.REQUESTED:
        return Feedback(WRONG, _("No waybill yet"), _("Put it aside until the carrier has answered."), scanned=name)
    if row.status in (ShipmentStatus.CANCELLED, ShipmentStatus.VOID_REQUESTED, ShipmentStatus.VOIDED):
        return Feedback(WRONG, _("Do not hand it over"), _("Its waybill is cancelled. Keep the parcel here."), scanned=name)
    return Feedback(WRONG, _("The carrier has had it already"), _("Ask your shift leader."), scanned=name)


def _kept(request: HttpRequest, warehouse: int) -> tuple[int, list[int]]:
    kept = request.session.get(_KEPT, {})
    return (kept["carrier"], kept["scanned"]) if kept.get("warehouse") == warehouse else (0, [])


def _keep(request: HttpRequest, warehouse: int, carrier: int, scanned: list[int]) -> None:
    request.session[_KEPT] = {"warehouse": warehouse, "carrier": carrier, "scanned": scanned}


def _answer(request: HttpRequest, warehouse: int, feedback: Feedback | None) -> HttpResponse:
    return answer(request, partial(_screen, request, warehouse), feedback, to=reverse("floor:hand_over"))


def _screen(request: HttpRequest, warehouse: int, feedback: Feedback | None = None) -> HttpResponse:
    carrier, scanned = _kept(request, warehouse)
    carriers = pick_ups.carriers_here(warehouse)
    chosen = next((row for row in carriers if row.id == carrier), None)
    if chosen is None:
        return show(request, "floor/hand_over.html", {"carriers": carriers}, feedback)
    ready = list(pick_ups.ready_parcels(warehouse, carrier))
    on_list = set(scanned) & {row.pk for row in ready}
    all_of, named = Counter(row.packing_task_id for row in ready), Counter(row.packing_task_id for row in ready if row.pk in on_list)
    # What belongs to a scanned parcel comes first: without it that one can't go.
    rest = sorted((row for row in ready if row.pk not in on_list), key=lambda row: (not named[row.packing_task_id], row.packing_task_id, row.pk))
    context: dict[str, Any] = {
        "carrier": chosen,
        "rows": [_row(row, all_of, urgent=bool(named[row.packing_task_id])) for row in rest[:_SHOWN]],
        "total": len(ready),
        "done": len(on_list),
        "left": len(rest),
        "scanned": scanned,
    }
    return show(request, "floor/hand_over.html", context, feedback)


def _row(row: Shipment, all_of: Counter[int], *, urgent: bool) -> dict[str, Any]:
    return {
        "order": row.order.name,
        "tracking_number": row.tracking_number,
        "number": row.package.sequence_number,
        "of": all_of[row.packing_task_id],
        "urgent": urgent,
    }
