"""What a picker does with an item, in a walk for one order or for several: gives it up, puts it off, takes the last scan back. Said in the same words."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from fulfillment.enums import PickingItemStatus
from fulfillment.models import PickingTaskItem
from fulfillment.screens.pick_state import STEP
from fulfillment.services.picks import defer_item
from fulfillment.services.shorts import short_item, skip_item
from fulfillment.services.undo import undo_pick
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.screens import RIGHT, Feedback, posted_id

WAYS = ("begin", "later", "give_up", "undo", "finish", "map")


def ways_of(screen: str, prefix: str, pk: int) -> dict[str, str]:
    """The addresses that the screen of a walk leads to: its own (`here`), and one for each step."""
    return {"here": reverse(f"floor:{screen}", args=[pk])} | {way: reverse(f"floor:{prefix}_{way}", args=[pk]) for way in WAYS}


def give_up_item(request: HttpRequest, actor: Actor, close: Callable[[], Feedback | None]) -> Feedback:
    """Report the item short (what is missing is looked for elsewhere), or skip it; `close` ends the walk when nothing is left."""
    skipped = request.POST.get("what") == "skip"
    item = (skip_item if skipped else short_item)(posted_id(request, "item"), actor=actor)
    return close() or (Feedback(RIGHT, _("Skipped")) if skipped else _noted(item))


def put_off_item(request: HttpRequest, actor: Actor) -> Feedback:
    """Put the item off to the end of the walk."""
    defer_item(posted_id(request, "item"), actor=actor)
    return Feedback(RIGHT, _("Put off to the end"))


def take_back(request: HttpRequest, actor: Actor, task_id: int) -> Feedback:
    """Take back the last scan of a task; what is undone is what was shown."""
    pick = undo_pick(task_id, expected_version=posted_id(request, "version"), actor=actor)
    request.session.pop(STEP, None)
    told = shown.quantity_text(pick.quantity, pick.item.product.base_unit)
    return Feedback(RIGHT, _("Undone: %(quantity)s") % {"quantity": told}, _("Put it back to %(place)s.") % {"place": pick.item.location.code})


def _noted(item: PickingTaskItem) -> Feedback:
    """What became of what was missing: it is fetched elsewhere, or nobody has it."""
    elsewhere = PickingTaskItem.objects.filter(task=item.task_id, product=item.product_id, status=PickingItemStatus.PENDING).order_by("sequence")
    places = ", ".join(dict.fromkeys(elsewhere.values_list("location__code", flat=True)))
    return Feedback(RIGHT, _("Noted: not enough"), _("The rest is fetched from %(places)s.") % {"places": places} if places else "")
