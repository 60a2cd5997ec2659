"""The boxes of `/floor/pack`: another one, which one is filled, of what kind it is, what is in it, how big and heavy it is."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fulfillment.enums import PackagingType
from fulfillment.errors import WeightDiffers
from fulfillment.models import BoxType, Package
from fulfillment.screens.pack_state import box_at_hand, choose_box
from fulfillment.screens.pack_view import answered, contents_of, screen
from fulfillment.services import packages
from fulfillment.services.pack_scans import move_packed
from fulfillment.services.packages import add_package, remove_package, set_package_details
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import plain
from warehouse.core.screens import RIGHT, Feedback, answer, attempt, feedback_of, floor_view, posted_id, posted_number, show

KINDS: dict[str, Promise] = {
    PackagingType.BOX: gettext_lazy("Box"),
    PackagingType.BAG: gettext_lazy("Bag"),
    PackagingType.ENVELOPE: gettext_lazy("Envelope"),
    PackagingType.PALLET: gettext_lazy("Pallet"),
    PackagingType.CUSTOM: gettext_lazy("Other"),
}
# Why a box may weigh otherwise than it should; kept in English, so that they can be counted.
REASONS: dict[str, Promise] = {
    "cooling or filling": gettext_lazy("Cooling or filling"),
    "a gift or a leaflet": gettext_lazy("A gift or a leaflet"),
    "another box": gettext_lazy("Another box"),
    "checked, it is right": gettext_lazy("I looked: all is right"),
}


@floor_view(add_package, method="POST")
def box(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Begin another box (`new`), take an empty one away (`remove`), take one of a certain kind (`type`), or fill the one that is named."""

    def change() -> Feedback | None:
        if "new" in request.POST:
            package = add_package(task_id, actor=actor)
            choose_box(request, task_id, package.pk)
            return Feedback(RIGHT, _("Box %(number)s") % {"number": package.sequence_number}, _("The next scans go into it."))
        if "remove" in request.POST:
            remove_package(task_id, posted_id(request, "remove"), actor=actor)
            return Feedback(RIGHT, _("The empty box is gone"))
        if "type" in request.POST:
            named = posted_id(request, "package") or box_at_hand(request, task_id)
            package = packages.choose_box(task_id, posted_id(request, "type"), actor=actor, package_id=named)
            return Feedback(RIGHT, _("Take the box %(name)s") % {"name": package.box_type})
        choose_box(request, task_id, posted_id(request, "package"))
        return None

    return answered(request, actor, task_id, attempt(change))


@floor_view(packages.choose_box)
def box_screen(request: HttpRequest, actor: Actor, task_id: int, package_id: int) -> HttpResponse:
    """What is in a box, where it could lie instead, and which kinds of boxes there are."""
    return _box(request, task_id, package_id)


def _box(request: HttpRequest, task_id: int, package_id: int, feedback: Feedback | None = None) -> HttpResponse:
    package = get_object_or_404(Package.objects.select_related("packing_task", "box_type"), pk=package_id, packing_task=task_id)
    context = {
        "task": package.packing_task,
        "package": package,
        "rows": contents_of(package),
        "others": list(package.packing_task.packages.exclude(pk=package.pk)),
        "types": list(BoxType.objects.filter(is_active=True)),
    }
    return show(request, "floor/pack_box.html", context, feedback)


@floor_view(move_packed, method="POST")
def move(request: HttpRequest, actor: Actor, task_id: int, package_id: int) -> HttpResponse:
    """Lay goods of a box into another one: one of them, or all."""
    version = posted_id(request, "version")

    def lay() -> Feedback:
        target, item = posted_id(request, "to"), posted_id(request, "item")
        quantity = 1 if "one" in request.POST else None
        move_packed(task_id, package_id, item, quantity, actor=actor, to_package_id=target, expected_version=version)
        number = Package.objects.values_list("sequence_number", flat=True).get(pk=target)
        return Feedback(RIGHT, _("Moved to box %(number)s") % {"number": number})

    feedback = attempt(lay)
    to = reverse("floor:pack_box_screen", args=[task_id, package_id])
    return answer(request, partial(_box, request, task_id, package_id), feedback, to=to)


@floor_view(set_package_details)
def measure_screen(request: HttpRequest, actor: Actor, task_id: int, package_id: int) -> HttpResponse:
    """The number pad for weight and sides."""
    return _measuring(request, task_id, package_id)


def _measuring(request: HttpRequest, task_id: int, package_id: int, feedback: Feedback | None = None, should: str = "") -> HttpResponse:
    package = get_object_or_404(Package.objects.select_related("packing_task", "box_type"), pk=package_id, packing_task=task_id)
    fields = [
        ("weight", _("Weight"), shown.UNITS["kg"]),
        ("length", _("Length"), _("cm")),
        ("width", _("Width"), _("cm")),
        ("height", _("Height"), _("cm")),
    ]
    context: dict[str, Any] = {
        "task": package.packing_task,
        "package": package,
        "kinds": [(value, label, value == request.POST.get("packaging_type", package.packaging_type)) for value, label in KINDS.items()],
        "fields": [{"name": name, "label": label, "unit": unit, "value": _value(request, package, name)} for name, label, unit in fields],
        "should": should,
        "reasons": REASONS.items(),
    }
    return show(request, "floor/measure.html", context, feedback)


@floor_view(set_package_details, method="POST")
def measure(request: HttpRequest, actor: Actor, task_id: int, package_id: int) -> HttpResponse:
    """Keep weight and sides of a box. One that weighs otherwise than it should is looked into, or somebody says why."""
    weight, length, width, height = (posted_number(request, name) or "" for name in ("weight", "length", "width", "height"))
    kind = request.POST.get("packaging_type", PackagingType.BOX)
    reason = request.POST.get("reason", "")
    saved: list[Package] = []
    should: list[str] = []

    def save() -> Feedback:
        try:
            saved.append(
                set_package_details(
                    task_id,
                    weight,
                    length,
                    width,
                    height,
                    actor=actor,
                    packaging_type=kind,
                    package_id=package_id,
                    weight_reason=reason if reason in REASONS else "",
                )
            )
        except WeightDiffers as error:
            fault = error.errors[0]
            should.append(_range(fault))
            return feedback_of(error)
        return Feedback(RIGHT, _("Measured"))

    feedback = attempt(save)
    if saved:
        return answer(request, partial(screen, request, actor, task_id), feedback, to=reverse("floor:pack_task", args=[task_id]))
    # What was typed stays on the screen.
    return _measuring(request, task_id, package_id, feedback, "".join(should))


def _range(fault: dict[str, Any]) -> str:
    """What a box should weigh, in the packer's language."""
    if fault["most"] is None:
        return _("at least %(least)s kg") % {"least": fault["least"]}
    return _("%(least)s to %(most)s kg") % {"least": fault["least"], "most": fault["most"]}


def _value(request: HttpRequest, package: Package, name: str) -> str:
    """What was typed, else what the box has."""
    typed = request.POST.get(name)
    if typed is not None:
        return typed[:12]
    return plain(getattr(package, name))
