"""`/floor/put-back`: goods of cancelled orders from the bench to the shelves. Scan a product, then the place; or take several in hand for one walk.

A walk is claimed in the database; which of its goods is next follows the walk, unless another one is scanned: that is kept in the session.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from fulfillment.models import PutBack
from fulfillment.queries import floor
from fulfillment.services.put_backs import claim_put_backs, complete_put_back, lay_down_put_backs, quarantine_put_back
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import plain
from warehouse.core.screens import DONE, RIGHT, WRONG, Feedback, answer, attempt, nothing_scanned, posted_number, scanned_code, show, site_view

_IN_HAND = "floor_put_back"
# More is no list that anybody reads; a scan finds the others too.
_SHOWN = 50
# What is kept as the reason, and what the button says.
REASONS = {
    "damaged": gettext_lazy("It is damaged"),
    "too warm": gettext_lazy("Too warm"),
    "expired": gettext_lazy("Expired"),
    "not fit to be sold": gettext_lazy("Something else is wrong"),
}

_IN_PAIRS = [list(REASONS.items())[start : start + 2] for start in range(0, len(REASONS), 2)]


@site_view(complete_put_back)
def screen(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """What lies on the benches and belongs on shelves; with goods in hand, where to bring them, or why they are not fit."""
    return _screen(request, actor, warehouse, ask="ask" in request.GET)


@site_view(complete_put_back, method="POST")
def scan(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """A scanned product is taken in hand; then a scanned place gets it, or, not fit, the quarantine."""
    return _answer(request, actor, warehouse, attempt(partial(_scanned, request, actor, warehouse)))


@site_view(claim_put_backs, method="POST")
def claim(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Take several in hand for one walk."""
    return _answer(request, actor, warehouse, attempt(partial(_claimed, actor, warehouse)))


@site_view(lay_down_put_backs, method="POST")
def other(request: HttpRequest, actor: Actor, warehouse: int) -> HttpResponse:
    """Lay down what is in hand: somebody else may take it."""
    request.session.pop(_IN_HAND, None)
    lay_down_put_backs(warehouse, actor=actor)
    return _answer(request, actor, warehouse, None)


def _claimed(actor: Actor, warehouse: int) -> Feedback:
    count = len(claim_put_backs(warehouse, actor=actor))
    if not count:
        return Feedback(WRONG, _("Nothing to put back."), _("Somebody else has taken it."))
    return Feedback(RIGHT, ngettext("%(n)s taken in hand", "%(n)s taken in hand", count) % {"n": count}, _("Take the goods and go."))


def _scanned(request: HttpRequest, actor: Actor, warehouse: int) -> Feedback:
    in_hand = _in_hand(request, actor, warehouse)
    reason = request.POST.get("unfit", "")
    if in_hand is not None and reason in REASONS:
        return _shut_away(request, actor, in_hand, reason)
    code = scanned_code(request)
    if not code:
        return nothing_scanned()
    if in_hand is None:
        row = floor.put_back_by_scan(floor.put_backs_for(warehouse, actor.user_id), warehouse, code)
        if row is None:
            return Feedback(WRONG, _("Not to be put back"), _("Scan a product of the list."), scanned=code)
        return _take(request, row)
    rest = floor.my_put_backs(warehouse, actor.user_id).exclude(pk=in_hand.pk)
    another = floor.put_back_by_scan(rest, warehouse, code) if in_hand.worker_id == actor.user_id and in_hand.claimed_until else None
    return _put(request, actor, in_hand, code) if another is None else _take(request, another)


def _take(request: HttpRequest, row: PutBack) -> Feedback:
    request.session[_IN_HAND] = row.pk
    return Feedback(RIGHT, row.product.name, _("Now scan the place."))


def _put(request: HttpRequest, actor: Actor, row: PutBack, code: str) -> Feedback:
    done = complete_put_back(row.pk, _quantity(request, row), actor=actor, location_scan=code)
    return _done(request, actor, row, done, _("Put back: %(quantity)s"))


def _shut_away(request: HttpRequest, actor: Actor, row: PutBack, reason: str) -> Feedback:
    done = quarantine_put_back(row.pk, _quantity(request, row), reason, actor=actor)
    return _done(request, actor, row, done, _("To quarantine: %(quantity)s"))


def _quantity(request: HttpRequest, row: PutBack) -> Any:
    typed = posted_number(request)
    return row.remaining if typed is None else typed


def _done(request: HttpRequest, actor: Actor, row: PutBack, done: PutBack, words: str) -> Feedback:
    request.session.pop(_IN_HAND, None)
    text = shown.quantity_text(done.done_quantity - row.done_quantity, row.product.base_unit)
    left = floor.put_backs_for(row.warehouse_id, actor.user_id).exists()
    return Feedback(RIGHT if left else DONE, words % {"quantity": text}, row.product.name)


def _in_hand(request: HttpRequest, actor: Actor, warehouse: int) -> PutBack | None:
    """What was scanned last, else what comes next on the walk."""
    chosen = request.session.get(_IN_HAND)
    scanned = floor.put_backs_for(warehouse, actor.user_id).filter(pk=chosen).first() if chosen else None
    return scanned or floor.my_put_backs(warehouse, actor.user_id).first()


def _answer(request: HttpRequest, actor: Actor, warehouse: int, feedback: Feedback | None) -> HttpResponse:
    return answer(request, partial(_screen, request, actor, warehouse), feedback, to=reverse("floor:put_back"))


def _screen(request: HttpRequest, actor: Actor, warehouse: int, feedback: Feedback | None = None, *, ask: bool = False) -> HttpResponse:
    walk = list(floor.my_put_backs(warehouse, actor.user_id)[:_SHOWN])
    waiting = floor.put_backs_for(warehouse, actor.user_id)
    in_hand = _in_hand(request, actor, warehouse)
    context = {
        "rows": [_row(row) for row in walk or waiting[:_SHOWN]],
        "count": len(walk) or waiting.count(),
        "walk": len(walk),
        "in_hand": in_hand and _row(in_hand),
        "ask": ask and in_hand is not None,
        "reasons": _IN_PAIRS,
    }
    return show(request, "floor/put_back.html", context, feedback)


def _row(row: PutBack) -> dict[str, Any]:
    return shown.goods(row.product, row.batch) | {
        "bench": row.batch_location.location.code,
        "place": row.from_location.code,
        "size": shown.size_of(row.from_location.code),
        "order": row.order.name,
        "quantity": shown.quantity_text(row.remaining, row.product.base_unit),
        "number": shown.plain(row.remaining),
        "unit_text": shown.UNITS.get(row.product.base_unit, row.product.base_unit),
        "remaining": plain(row.remaining),
        "step_size": plain(shown.step_of(row.product)),
    }
