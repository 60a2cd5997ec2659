"""What is done to a delivery on `/floor/receive` beside scanning: begin to count, correct a line, take back the last count, confirm, drop it."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from inventory.models import Receiving, ReceivingItem
from inventory.screens.entered import posted_quantity
from inventory.screens.once import once, posted_token
from inventory.screens.receive import LAST, delivery
from inventory.screens.receive_shown import REASONS, posted_version
from inventory.services.receiving import cancel_receiving, change_item, remove_item, start_receiving
from inventory.services.receiving_confirmation import confirm_receiving
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import ZERO
from warehouse.core.screens import DONE, RIGHT, WRONG, Feedback, attempt, floor_view, leave, posted_id


@floor_view(start_receiving, method="POST")
def start(request: HttpRequest, actor: Actor, receiving_id: int) -> HttpResponse:
    """Begin to count what the paper only announces."""

    def begin() -> None:
        start_receiving(receiving_id, from_zero=True, expected_version=posted_version(request), actor=actor)

    return _back(request, delivery(request, receiving_id), attempt(begin))


@floor_view(change_item, method="POST")
def correct(request: HttpRequest, actor: Actor, receiving_id: int) -> HttpResponse:
    """Write another number into a line; nothing at all, for a line that nobody announced, strikes it off."""
    receiving = delivery(request, receiving_id)
    line = receiving.items.select_related("product").filter(pk=posted_id(request, "line")).first()

    def set_line() -> Feedback:
        if line is None:
            return Feedback(WRONG, _("Somebody was faster"), _("Look at the screen and go on from there."))
        actual = ZERO if "nothing" in request.POST else posted_quantity(request, zero_allowed=True)
        damaged = posted_quantity(request, "damaged", zero_allowed=True) if actual and request.POST.get("damaged", "").strip() else ZERO
        return _set(actor, receiving, line, actual, damaged, posted_version(request), REASONS.get(request.POST.get("reason", ""), ""))

    return _back(request, receiving, attempt(set_line))


@floor_view(change_item, method="POST")
def undo(request: HttpRequest, actor: Actor, receiving_id: int) -> HttpResponse:
    """Take back the last count."""
    receiving = delivery(request, receiving_id)
    last = request.session.get(LAST)
    if not last or last["receiving"] != receiving_id or last["token"] != posted_token(request):
        return _back(request, receiving, None)  # a tap that came twice
    line = receiving.items.select_related("product").filter(pk=last["item"]).first()

    def take_back() -> Feedback:
        if line is None:
            return Feedback(WRONG, _("Somebody was faster"), _("Look at the screen and go on from there."))
        actual, damaged = line.actual_quantity - Decimal(last["quantity"]), line.damaged_quantity - Decimal(last["damaged"])
        _set(actor, receiving, line, actual, damaged, receiving.version, "")
        return Feedback(RIGHT, _("Taken back"), last["name"])

    feedback = attempt(take_back)
    request.session.pop(LAST, None)
    return _back(request, receiving, feedback)


def _set(actor: Actor, receiving: Receiving, line: ReceivingItem, actual: Decimal, damaged: Decimal, version: int, reason: str) -> Feedback:
    if not actual and not line.expected_quantity:
        remove_item(receiving.pk, line.pk, expected_version=version, actor=actor)
        return Feedback(RIGHT, _("Taken back"), line.product.name)
    values: dict[str, object] = {"actual_quantity": actual, "damaged_quantity": damaged}
    if reason:
        values |= {"accept_short_dated": True, "short_dated_reason": reason}
    change_item(receiving.pk, line.pk, values, expected_version=version, actor=actor)
    return Feedback(RIGHT, _("Corrected: %(quantity)s") % {"quantity": shown.quantity_text(actual, line.product.base_unit)}, line.product.name)


@floor_view(confirm_receiving, method="POST")
def confirm(request: HttpRequest, actor: Actor, receiving_id: int) -> HttpResponse:
    """Bring everything that was counted onto the books."""
    receiving = delivery(request, receiving_id)

    def bring() -> Feedback:
        said, _done = once(
            posted_token(request),
            confirm_receiving,
            receiving_id,
            expected_version=posted_version(request),
            actor=actor,
            say=lambda row: Feedback(DONE, _("Received")),
        )
        return said

    return _back(request, receiving, attempt(bring))


@floor_view(cancel_receiving, method="POST")
def drop(request: HttpRequest, actor: Actor, receiving_id: int) -> HttpResponse:
    """Give up a delivery of which nothing has come."""
    receiving = delivery(request, receiving_id)
    give_up = partial(cancel_receiving, receiving_id, reason="nothing has arrived", expected_version=posted_version(request), actor=actor)

    def cancel() -> Feedback:
        give_up()
        return Feedback(RIGHT, _("Dropped"), receiving.number)

    return leave(request, attempt(cancel), to=reverse("floor:receive"))


def _back(request: HttpRequest, receiving: Receiving, feedback: Feedback | None) -> HttpResponse:
    return leave(request, feedback, to=reverse("floor:receive_one", args=[receiving.pk]))
