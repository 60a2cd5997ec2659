"""`/floor/receive`: goods off the lorry. Open the delivery, scan the goods, say what the code does not, confirm at the end.

What is in hand - the scanned goods, before they are counted - is kept in the session with a token, so that a tap that arrives twice counts once.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from inventory.models import Batch, Location, Product, Receiving, ReceivingItem
from inventory.queries import floor
from inventory.queries.lots import find_lot
from inventory.queries.scan import Scanned, find_by_scan
from inventory.screens.entered import label_day, number_in, posted_quantity, today_at
from inventory.screens.goods import names_lot
from inventory.screens.once import new_token, once, posted_token
from inventory.screens.receive_shown import REASON_TEXTS, REASONS, is_short, screen
from inventory.services.receiving import create_receiving, receive_item
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import ZERO, plain
from warehouse.core.screens import (
    RIGHT,
    WRONG,
    Feedback,
    answer,
    attempt,
    chosen_warehouse,
    floor_view,
    leave,
    nothing_scanned,
    scanned_code,
    show,
    site_view,
)

HAND, LAST = "floor_receive", "floor_receive_last"


@site_view(receive_item)
def start_screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The deliveries that are open; scan one, or the goods."""
    return _start(request, warehouse)


def _start(request: HttpRequest, warehouse: int, feedback: Feedback | None = None) -> HttpResponse:
    rows = floor.open_receivings(warehouse)
    context = {"rows": list(floor.with_line_counts(rows)[:30]), "count": rows.count(), "token": new_token()}
    return show(request, "floor/receive_start.html", context, feedback)


@site_view(receive_item, method="POST")
def find(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """The open delivery with the scanned number; or the only one that expects the scanned goods, which are in hand then."""
    code = scanned_code(request)
    receiving = floor.receiving_by_scan(warehouse, code) if code else None
    if receiving is not None:
        return leave(request, None, to=reverse("floor:receive_one", args=[receiving.pk]))
    found = find_by_scan(code, warehouse_id=warehouse)
    expecting = list(floor.open_receivings(warehouse).filter(items__product=found.product_id or 0).distinct()[:2])
    if len(expecting) == 1:
        return leave(request, _take(request, expecting[0], found), to=reverse("floor:receive_one", args=[expecting[0].pk]))
    if not code:
        feedback = nothing_scanned()
    elif expecting:
        feedback = Feedback(WRONG, _("Several deliveries expect this"), _("Tap the one that you unload."), scanned=code)
    else:
        feedback = Feedback(WRONG, _("No delivery found"), _("Tap the delivery, or begin one without paper."), scanned=code)
    return answer(request, partial(_start, request, warehouse), feedback, to=reverse("floor:receive"))


@site_view(create_receiving, method="POST")
def begin(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Begin a delivery without paper."""
    made: dict[str, Any] = {}

    def make() -> Feedback:
        feedback, done = once(
            posted_token(request), create_receiving, warehouse_id=warehouse, actor=actor, say=lambda row: Feedback(RIGHT, row.number)
        )
        made.update(done)
        return feedback

    said = attempt(make)
    return leave(request, said, to=reverse("floor:receive_one", args=[made["id"]]) if made else reverse("floor:receive"))


def delivery(request: HttpRequest, receiving_id: int) -> Receiving:
    """The delivery, if it is of the site where one works."""
    rows = Receiving.objects.select_related("warehouse", "location", "supplier")
    return get_object_or_404(rows, pk=receiving_id, warehouse=chosen_warehouse(request) or 0)


@floor_view(receive_item)
def one_screen(request: HttpRequest, actor: Actor, receiving_id: int) -> HttpResponse:
    """The lines, or what is in hand; `?line=` one of them to correct, `?ask=confirm` the question whether all is counted, `?change=` a step again."""
    receiving = delivery(request, receiving_id)
    hand = hand_of(request, receiving)
    change = request.GET.get("change", "")
    if hand and change in ("date", "lot"):
        _keep(request, hand | {"step": change})
    return _screen(request, receiving)


@floor_view(receive_item, method="POST")
def scan(request: HttpRequest, actor: Actor, receiving_id: int) -> HttpResponse:
    """A scanned code, or what was tapped about the goods in hand (`confirm`, `none`): judged by what the screen asks for now."""
    receiving = delivery(request, receiving_id)
    return _answer(request, receiving, attempt(partial(_scanned, request, actor, receiving)))


@floor_view(receive_item, method="POST")
def lay_down(request: HttpRequest, actor: Actor, receiving_id: int) -> HttpResponse:
    """Forget what is in hand; nothing is counted."""
    receiving = delivery(request, receiving_id)
    request.session.pop(HAND, None)
    return _answer(request, receiving, None)


def _scanned(request: HttpRequest, actor: Actor, receiving: Receiving) -> Feedback | None:
    if receiving.status not in floor.OPEN_RECEIVINGS:
        return None  # the screen itself says how it stands
    code = scanned_code(request)
    hand = hand_of(request, receiving)
    tapped = bool({"confirm", "none", "reason"} & set(request.POST))
    if tapped and (hand is None or posted_token(request) != hand["token"]):
        return None  # a tap that came twice
    if hand is None:
        return _take(request, receiving, find_by_scan(code, warehouse_id=receiving.warehouse_id)) if code else nothing_scanned()
    if not code and not tapped:
        return nothing_scanned()
    if hand["step"] == "quantity" and not hand["reason"] and _short(receiving, hand):
        return _reason(request, hand)
    if hand["step"] == "quantity" and "quantity" in request.POST:
        hand |= {name: request.POST.get(name, "")[:15] for name in ("quantity", "damaged")}
        _keep(request, hand)  # a refusal does not forget what was tapped
    if hand["step"] == "date":
        return _date(request, receiving, hand, code)
    if hand["step"] == "lot":
        return _lot(request, receiving, hand, code)
    return _more(request, actor, receiving, hand, code) if code else _count(request, actor, receiving, hand)


def _take(request: HttpRequest, receiving: Receiving, found: Scanned) -> Feedback:
    """Take the scanned goods in hand: what the code says of them, what the paper and a known lot say, and what is still to be asked."""
    product = Product.objects.filter(pk=found.product_id or 0).first()
    if product is None:
        return Feedback(WRONG, _("Unknown goods"), _("Scan the barcode on the goods. If it is new, your shift leader adds it."), scanned=found.code)
    if not product.is_active:
        return Feedback(WRONG, _("Not sold any more"), _("Put it aside and ask your shift leader."), scanned=product.name)
    known = Batch.objects.filter(pk=found.batch_id or 0).first()
    if known is not None and found.expires_on and known.label_expires_on != found.expires_on:
        told = shown.day_text(known.label_expires_on) if known.label_expires_on else _("no date")
        return Feedback(WRONG, _("This lot has another date"), _("Put it aside and ask your shift leader."), told, shown.day_text(found.expires_on))
    expires = found.expires_on or (known.label_expires_on if known else None)
    announced = expires or receiving.items.filter(product=product).exclude(label_expires_on=None).values_list("label_expires_on", flat=True).first()
    hand = {
        "receiving": receiving.pk,
        "token": new_token(),
        "code": found.code,
        "product": product.pk,
        "lot": found.lot_number,
        "expires": (expires or announced or "") and (expires or announced).isoformat(),  # type: ignore[union-attr]
        "printed": bool(expires),
        "lot_printed": bool(found.lot_number),
        "pack": plain(found.pack_quantity),
        "quantity": plain(found.pack_quantity) if product.quantity_step == 1 else "",
        "damaged": "",
        "place": None,
        "reason": "",
        "step": "date" if product.tracks_expiry and not expires and known is None else "quantity",
    }
    _keep(request, hand)
    return _too_short(hand) if hand["step"] == "quantity" and _short(receiving, hand) else Feedback(RIGHT, product.name)


def _short(receiving: Receiving, hand: dict[str, Any]) -> bool:
    expires = date.fromisoformat(hand["expires"]) if hand["expires"] else None
    return is_short(Product.objects.get(pk=hand["product"]), expires, receiving.warehouse)


def _too_short(hand: dict[str, Any]) -> Feedback:
    day = shown.day_text(date.fromisoformat(hand["expires"]))
    return Feedback(WRONG, _("Too short dated"), _("Say why you take it, or send it back."), scanned=day)


def _reason(request: HttpRequest, hand: dict[str, Any]) -> Feedback:
    """Short dated goods are taken for a reason only."""
    reason = request.POST.get("reason", "")
    if reason not in REASONS:
        return _too_short(hand)
    _keep(request, hand | {"reason": reason})
    return Feedback(RIGHT, str(REASON_TEXTS[reason]))


def _date(request: HttpRequest, receiving: Receiving, hand: dict[str, Any], code: str) -> Feedback:
    """The date on the label: tapped, typed, or scanned from a code that carries it."""
    if "none" in request.POST:
        _keep(request, hand | {"expires": "", "step": "quantity"})
        return Feedback(RIGHT, _("No date"))
    found = find_by_scan(code, warehouse_id=receiving.warehouse_id) if code else None
    if found is not None and found.product_id == hand["product"] and found.expires_on:
        return _take(request, receiving, found)
    text = code or request.POST.get("date", "")
    day = label_day(text, today_at(receiving.warehouse))
    if day is None:
        return Feedback(WRONG, _("This is no date"), _("Tap day, month and year, as on the label."), scanned=text[:40])
    hand |= {"expires": day.isoformat(), "step": "quantity", "reason": ""}
    _keep(request, hand)
    return _too_short(hand) if _short(receiving, hand) else Feedback(RIGHT, shown.day_text(day))


def _lot(request: HttpRequest, receiving: Receiving, hand: dict[str, Any], code: str) -> Feedback:
    """The lot: scanned, or typed."""
    if "none" in request.POST:
        _keep(request, hand | {"lot": "", "step": "quantity"})
        return Feedback(RIGHT, _("No lot number"))
    found = find_by_scan(code, warehouse_id=receiving.warehouse_id)
    if found.product_id not in (None, hand["product"]) or found.location_id:
        return Feedback(WRONG, _("This is no lot number"), _("Scan or type the lot on the label."), scanned=code)
    lot = found.lot_number or code
    if len(lot) > (ReceivingItem._meta.get_field("lot_number").max_length or 0):
        return Feedback(WRONG, _("This is no lot number"), _("Scan or type the lot on the label."), scanned=code)
    known = find_lot(hand["product"], lot)
    if known is not None and known.label_expires_on and hand["expires"] not in ("", known.label_expires_on.isoformat()):
        return Feedback(
            WRONG,
            _("This lot has another date"),
            _("Look at the label again."),
            shown.day_text(known.label_expires_on),
            shown.day_text(date.fromisoformat(hand["expires"])),
        )
    day = known.label_expires_on.isoformat() if known is not None and known.label_expires_on else hand["expires"]
    hand |= {"lot": lot, "expires": day, "step": "quantity"}
    _keep(request, hand)
    return _too_short(hand) if not hand["reason"] and _short(receiving, hand) else Feedback(RIGHT, lot)


def _more(request: HttpRequest, actor: Actor, receiving: Receiving, hand: dict[str, Any], code: str) -> Feedback:
    """A scan while goods are in hand: the same again adds a pack, a place is where they go, other goods count these first."""
    found = find_by_scan(code, warehouse_id=receiving.warehouse_id)
    if found.product_id == hand["product"] and names_lot(found, hand["lot"]):
        amount = (posted_quantity(request) if hand["quantity"] else ZERO) + found.pack_quantity
        _keep(request, hand | {"quantity": plain(amount)})
        return Feedback(RIGHT, f"+{shown.plain(found.pack_quantity)}")
    if found.location_id:
        place = Location.objects.filter(pk=found.location_id, warehouse=receiving.warehouse_id, is_active=True).first()
        if place is None:
            return Feedback(WRONG, _("Not a place of this site"), _("Scan a place here."), scanned=code)
        _keep(request, hand | {"place": place.pk})
        return Feedback(RIGHT, _("Goes to %(place)s") % {"place": place.code})
    if found.product_id is None:
        if number := number_in(code):
            _keep(request, hand | {"quantity": number})
            return Feedback(RIGHT, number)
        return Feedback(WRONG, _("Unknown goods"), _("Scan the barcode on the goods. If it is new, your shift leader adds it."), scanned=code)
    counted = _count(request, actor, receiving, hand)
    if counted.kind == WRONG:
        return counted
    taken = _take(request, receiving, found)
    return Feedback(RIGHT, counted.title, counted.hint) if taken.kind == RIGHT else taken


def _count(request: HttpRequest, actor: Actor, receiving: Receiving, hand: dict[str, Any]) -> Feedback:
    product = Product.objects.get(pk=hand["product"])
    quantity = posted_quantity(request)
    damaged = posted_quantity(request, "damaged", zero_allowed=True) if request.POST.get("damaged", "").strip() else ZERO
    if damaged > quantity:
        return Feedback(WRONG, _("More damaged than arrived"), _("Correct one of the two numbers."))
    expires = date.fromisoformat(hand["expires"]) if hand["expires"] else None

    def say(item: Any) -> Feedback:
        return Feedback(RIGHT, _("Counted: %(quantity)s") % {"quantity": shown.quantity_text(quantity, product.base_unit)}, product.name)

    feedback, done = once(
        hand["token"],
        receive_item,
        receiving.pk,
        scan=hand["code"],
        quantity=quantity,
        damaged_quantity=damaged,
        lot_number=hand["lot"],
        label_expires_on=expires,
        location_id=hand["place"],
        short_dated_reason=REASONS.get(hand["reason"], ""),
        actor=actor,
        say=say,
    )
    request.session.pop(HAND, None)
    undo: dict[str, Decimal | Any] = {"receiving": receiving.pk, "token": new_token(), "item": done["id"]}
    request.session[LAST] = undo | {"quantity": plain(quantity), "damaged": plain(damaged), "text": feedback.title, "name": product.name}
    return feedback


def hand_of(request: HttpRequest, receiving: Receiving) -> dict[str, Any] | None:
    """What is in hand for this delivery."""
    hand: dict[str, Any] | None = request.session.get(HAND)
    return dict(hand) if hand and hand["receiving"] == receiving.pk else None


def _keep(request: HttpRequest, hand: dict[str, Any]) -> None:
    request.session[HAND] = hand


def _answer(request: HttpRequest, receiving: Receiving, feedback: Feedback | None) -> HttpResponse:
    to = reverse("floor:receive_one", args=[receiving.pk])
    return answer(request, partial(_screen, request, delivery(request, receiving.pk)), feedback, to=to)


def _screen(request: HttpRequest, receiving: Receiving, feedback: Feedback | None = None) -> HttpResponse:
    last = request.session.get(LAST)
    return screen(request, receiving, hand_of(request, receiving), last if last and last["receiving"] == receiving.pk else None, feedback)
