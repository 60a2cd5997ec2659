"""The boxes of `/floor/pack`: another one, which one is filled, how big and heavy it is."""

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
from fulfillment.models import Package
from fulfillment.screens.pack import choose_box, screen
from fulfillment.services.packages import add_package, remove_package, set_package_details
from warehouse.core import shown
from warehouse.core.actor import Actor
from warehouse.core.quantities import plain
from warehouse.core.screens import RIGHT, Feedback, answer, attempt, floor_view, posted_id, show

KINDS: dict[str, Promise] = {
    PackagingType.BOX: gettext_lazy("Box"),
    PackagingType.BAG: gettext_lazy("Bag"),
    PackagingType.ENVELOPE: gettext_lazy("Envelope"),
    PackagingType.PALLET: gettext_lazy("Pallet"),
    PackagingType.CUSTOM: gettext_lazy("Other"),
}


@floor_view(add_package, method="POST")
def box(request: HttpRequest, actor: Actor, task_id: int) -> HttpResponse:
    """Begin another box (`new`), take an empty one away (`remove`), or fill the one that is named."""

    def change() -> Feedback | None:
        if "new" in request.POST:
            package = add_package(task_id, actor=actor)
            choose_box(request, task_id, package.pk)
            return Feedback(RIGHT, _("Box %(number)s") % {"number": package.sequence_number}, _("The next scans go into it."))
        if "remove" in request.POST:
            remove_package(task_id, posted_id(request, "remove"), actor=actor)
            return Feedback(RIGHT, _("The empty box is gone"))
        choose_box(request, task_id, posted_id(request, "package"))
        return None

    feedback = attempt(change)
    return answer(request, partial(screen, request, actor, task_id), feedback, to=reverse("floor:pack_task", args=[task_id]))


@floor_view(set_package_details)
def measure_screen(request: HttpRequest, actor: Actor, task_id: int, package_id: int) -> HttpResponse:
    """The number pad for weight and sides."""
    return _measuring(request, task_id, package_id)


def _measuring(request: HttpRequest, task_id: int, package_id: int, feedback: Feedback | None = None) -> HttpResponse:
    package = get_object_or_404(Package.objects.select_related("packing_task"), pk=package_id, packing_task=task_id)
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
    }
    return show(request, "floor/measure.html", context, feedback)


@floor_view(set_package_details, method="POST")
def measure(request: HttpRequest, actor: Actor, task_id: int, package_id: int) -> HttpResponse:
    """Keep weight and sides of a box."""
    weight, length, width, height = (request.POST.get(name, "").replace(",", ".") for name in ("weight", "length", "width", "height"))
    kind = request.POST.get("packaging_type", PackagingType.BOX)
    saved: list[Package] = []

    def save() -> Feedback:
        saved.append(set_package_details(task_id, weight, length, width, height, actor=actor, packaging_type=kind, package_id=package_id))
        return Feedback(RIGHT, _("Measured"))

    feedback = attempt(save)
    if saved:
        return answer(request, partial(screen, request, actor, task_id), feedback, to=reverse("floor:pack_task", args=[task_id]))
    # What was typed stays on the screen.
    return _measuring(request, task_id, package_id, feedback)


def _value(request: HttpRequest, package: Package, name: str) -> str:
    """What was typed, else what the box has."""
    typed = request.POST.get(name)
    if typed is not None:
        return typed[:12]
    return plain(getattr(package, name))
