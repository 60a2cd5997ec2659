"""Buttons that print: labels on a printer or as PDF, packing slips. For the pages of packing tasks and shipments."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action

from fulfillment.enums import LabelKind, ShipmentStatus
from fulfillment.models import Package, PackingTask, Printer, Shipment
from fulfillment.services.label_prints import queue_labels
from fulfillment.services.labels import LABELLED, print_label, print_labels, print_package_label
from fulfillment.services.packing_slips import STATES, print_packing_slips
from warehouse.core.actor import Actor
from warehouse.core.admin import actor_of
from warehouse.core.admin_steps import Step, StepForm, StepsAdmin, choice_field
from warehouse.core.errors import DomainError
from warehouse.core.files import file_response


class PrintForm(StepForm):
    """On which printer of the task's warehouse, and which label."""

    printer_id = choice_field("Printer", ())
    kind = choice_field("Label", LabelKind.choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.printers = [(printer.pk, printer.name) for printer in Printer.objects.filter(warehouse=self.task.warehouse_id, is_active=True)]
        self.fields["printer_id"].choices = self.printers  # type: ignore[attr-defined]

    @property
    def task(self) -> PackingTask:
        task: PackingTask = self.row.packing_task if isinstance(self.row, Shipment) else self.row
        return task

    def tells(self) -> list[str]:
        return [] if self.printers else ["No printer of this warehouse is in use. A manager enters one under Printers."]

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"printer_id": int(self.cleaned_data["printer_id"])}


def _print_task(row: PackingTask, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
    return queue_labels([row.pk], actor=actor, **arguments)


def _print_shipment(row: Shipment, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
    return queue_labels([row.packing_task_id], actor=actor, package_id=row.package_id, **arguments)


PRINT_TASK = Step(
    "print_labels",
    "Print labels",
    queue_labels,
    lambda row: row.status in LABELLED,
    description="A label for each package. Label prints says how it went.",
    form=PrintForm,
    icon="label",
    call=_print_task,
)
PRINT_SHIPMENT = Step(
    "print_label",
    "Print label",
    queue_labels,
    lambda row: row.status in (ShipmentStatus.CREATED, ShipmentStatus.HANDED_OVER),
    description="The label of this package. Label prints says how it went.",
    form=PrintForm,
    icon="label",
    call=_print_shipment,
)


class LabelButtons(StepsAdmin):
    """Papers as buttons: only those that there are now, for those who may print."""

    @abstractmethod
    def papers(self, row: Any) -> Sequence[str]:
        """The names of the papers that there are of the row now."""

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, str(object_id))
        offered = self.papers(row) if row is not None and print_label.allowed(actor_of(request)) else ()
        hidden = {self._full_name(name) for name in self.prints if name not in offered}
        return [action for action in super().get_actions_detail(request, object_id) if action.action_name not in hidden]

    def paper(self, request: HttpRequest, object_id: str, made: Callable[[Any, Actor], bytes], name: str) -> HttpResponse:
        """The PDF; what is refused is said on the row's page."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        try:
            return file_response(made(row, actor_of(request)), f"{name}-{row}.pdf", "application/pdf")
        except DomainError as error:
            messages.error(request, error.detail)
            return HttpResponseRedirect(self._url_of(row))


class TaskLabelButtons(LabelButtons):
    """On packing tasks."""

    prints = ["packing_slip", "labels", "return_labels"]

    def papers(self, row: PackingTask) -> Sequence[str]:
        slip = ["packing_slip"] if row.status in STATES else []
        return [*slip, "labels", "return_labels"] if row.status in LABELLED else slip

    @action(description="Packing slip", url_path="packing-slip", icon="receipt_long", attrs={"target": "_blank"})
    def packing_slip(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What is in which package, for the box."""
        return self.paper(request, object_id, lambda row, actor: print_packing_slips([row.pk], actor=actor).pdf, "packing-slip")

    @action(description="Labels as PDF", url_path="labels", icon="picture_as_pdf", attrs={"target": "_blank"})
    def labels(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page of 4 × 6 inches for each package."""
        return self.paper(request, object_id, lambda row, actor: print_label(row.pk, actor=actor).rendered("pdf"), "labels")

    @action(description="Return labels as PDF", url_path="return-labels", icon="assignment_return", attrs={"target": "_blank"})
    def return_labels(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """For the way back, to be laid into the box."""
        return self.paper(
            request, object_id, lambda row, actor: print_label(row.pk, kind=LabelKind.RETURN, actor=actor).rendered("pdf"), "return-labels"
        )

    @admin.action(description="Packing slips (PDF)", permissions=["view"])
    def print_slips(self, request: HttpRequest, queryset: QuerySet[PackingTask]) -> HttpResponse | None:
        """The packing slips of the chosen tasks in one document, for each order a sheet of its own."""
        return self._of_chosen(request, queryset, print_packing_slips, "packing-slips")

    @admin.action(description="Labels (PDF)", permissions=["view"])
    def print_chosen_labels(self, request: HttpRequest, queryset: QuerySet[PackingTask]) -> HttpResponse | None:
        """The labels of all packages of the chosen tasks in one document."""
        return self._of_chosen(request, queryset, print_labels, "labels")

    def _of_chosen(self, request: HttpRequest, queryset: QuerySet[PackingTask], made: Any, name: str) -> HttpResponse | None:
        try:
            return file_response(made(list(queryset.values_list("pk", flat=True)), actor=actor_of(request)).pdf, f"{name}.pdf", "application/pdf")
        except DomainError as error:
            messages.error(request, error.detail)
            return None


class ShipmentLabelButtons(LabelButtons):
    """On shipments."""

    prints = ["label"]

    def papers(self, row: Shipment) -> Sequence[str]:
        printable = (ShipmentStatus.REQUESTED, ShipmentStatus.CREATED, ShipmentStatus.HANDED_OVER)
        return ["label"] if row.status in printable and row.packing_task.status in LABELLED else []

    @action(description="Label as PDF", url_path="label", icon="picture_as_pdf", attrs={"target": "_blank"})
    def label(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The label of its package."""
        return self.paper(request, object_id, lambda row, actor: print_package_label(row.package_id, actor=actor).rendered("pdf"), "label")


def label_links(package: Package) -> SafeString | str:
    """The package's label as picture, PDF and ZPL; the carrier's own beside them."""
    address = reverse("packages-label", args=[package.pk])
    links = [(f"{address}?format={name}", name.upper()) for name in ("png", "pdf", "zpl")]
    if package.label_url.startswith(("https://", "http://")):
        links.append((package.label_url, "carrier's"))
    text = '<a class="text-primary-600 underline" href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
    return format_html_join(" ", text, links)
