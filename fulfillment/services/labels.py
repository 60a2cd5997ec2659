"""Labels of packages and packing slips: what they say, from the rows as they are. Constant statements, however many packages."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from fulfillment.enums import LIVING_SHIPMENTS, LabelFormat, LabelKind, PackingStatus
from fulfillment.labels.content import LabelContent, Party, clean
from fulfillment.labels.layout import Element, lay_out
from fulfillment.labels.pdf import pdf_of
from fulfillment.labels.png import png_of
from fulfillment.labels.sscc import spaced
from fulfillment.labels.zpl import zpl_of
from fulfillment.models import DeliveryProvider, Order, Package, PackingTask, Shipment
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import NotFound, TransitionRefused, ValidationFailed
from warehouse.core.quantities import plain
from warehouse.core.transactions import operation

LABELLED = (PackingStatus.PACKED, PackingStatus.SHIPPED)
MAX_TASKS = 100


@dataclass(frozen=True, slots=True)
class PackageLabel:
    """The label of one package; `label_url` is the carrier's own, `label_format` how that carrier's labels are given unless asked otherwise."""

    package: Package
    content: LabelContent
    label_url: str
    label_format: str

    @property
    def elements(self) -> list[Element]:
        return lay_out(self.content)

    @property
    def zpl(self) -> str:
        return zpl_of(self.elements)

    def rendered(self, label_format: str) -> bytes:
        """The file of this label."""
        if label_format == LabelFormat.PDF:
            return pdf_of([self.elements], f"Label {self.content.code}")
        return png_of(self.zpl) if label_format == LabelFormat.PNG else self.zpl.encode()

    def data(self, label_format: str) -> str:
        """The file as text: ZPL as it is, PDF and PNG in base64."""
        return self.zpl if label_format == LabelFormat.ZPL else base64.b64encode(self.rendered(label_format)).decode()


@dataclass(frozen=True, slots=True)
class TaskLabels:
    """The labels of a packing task. `label_url` is the carrier's own of the first package."""

    task: PackingTask
    kind: str
    labels: list[PackageLabel]

    @property
    def label_url(self) -> str:
        return self.labels[0].label_url if self.labels else ""

    @property
    def label_format(self) -> str:
        """How they are given unless asked otherwise: as the carrier of the first package has it."""
        return self.labels[0].label_format if self.labels else LabelFormat.ZPL

    @property
    def waiting(self) -> list[int]:
        """The packages that have no waybill yet: their labels say that they are not to be handed over."""
        return [label.content.package for label in self.labels if not label.content.tracking_number]

    def rendered(self, label_format: str) -> bytes:
        """One file of all of them; a PNG shows one label, the first."""
        if label_format == LabelFormat.PDF:
            return pdf_of([label.elements for label in self.labels], f"Labels {self.task.number}")
        if label_format == LabelFormat.PNG:
            return self.labels[0].rendered(label_format)
        return "".join(label.zpl for label in self.labels).encode()


@dataclass(frozen=True, slots=True)
class LabelSheets:
    """What stands on the labels of several tasks, for whoever draws them when the transaction is over."""

    found: list[TaskLabels]

    @property
    def pdf(self) -> bytes:
        """All of them, a page each."""
        return pdf_of([label.elements for each in self.found for label in each.labels], "Labels")


@operation(Role.PACKER)
def print_label(task_id: int, *, actor: Actor, kind: str = LabelKind.SHIPPING, package_id: int | None = None) -> TaskLabels:
    """The labels of a packed or shipped task, or of one of its packages: what a printer takes, and the carrier's own address for one.

    A package without a waybill gets a label that says so. Locks nothing. Raises NotFound,
    TransitionRefused, ValidationFailed.
    """
    require_kind(kind)
    [found] = labels_of([labelled_task(task_id)], kind)
    if package_id is None:
        return found
    chosen = [label for label in found.labels if label.package.pk == package_id]
    if not chosen:
        raise NotFound(f"{found.task} has no package {package_id}.", kind="package", id=package_id)
    return TaskLabels(found.task, kind, chosen)


@operation(Role.PACKER)
def print_package_label(package_id: int, *, actor: Actor, kind: str = LabelKind.SHIPPING) -> PackageLabel:
    """The label of one package of a packed or shipped task, as `print_label` makes it. Raises NotFound, TransitionRefused, ValidationFailed."""
    task_id = Package.objects.filter(pk=package_id).values_list("packing_task", flat=True).first()
    if task_id is None:
        raise NotFound(f"There is no package {package_id}.", kind="package", id=package_id)
    return print_label.inside(task_id, kind=kind, package_id=package_id, actor=actor).labels[0]


@operation(Role.PACKER)
def print_labels(task_ids: Sequence[int], *, actor: Actor) -> LabelSheets:
    """The labels of all packages of these packed or shipped tasks. Locks nothing. Raises NotFound, TransitionRefused, ValidationFailed."""
    return LabelSheets(labels_of(tasks_in(task_ids, LABELLED, "Labels are printed when it is packed."), LabelKind.SHIPPING))


def require_kind(kind: str) -> None:
    """Raise ValidationFailed for a kind of label that there is not."""
    if kind not in LabelKind.values:
        raise ValidationFailed(f"There is no kind of label {kind[:20]!r}.", errors=[{"field": "kind", "code": "invalid", "known": LabelKind.values}])


def labelled_task(task_id: int) -> PackingTask:
    """A task whose packages may have labels. Raises NotFound, TransitionRefused."""
    return tasks_in([task_id], LABELLED, "Labels are printed when it is packed.")[0]


def tasks_in(task_ids: Sequence[int], states: Sequence[PackingStatus], otherwise: str) -> list[PackingTask]:
    """These tasks, in the order of their orders and numbers, all of them in one of the states. Raises NotFound, TransitionRefused naming all others."""
    if not 0 < len(set(task_ids)) <= MAX_TASKS:
        raise ValidationFailed(f"Choose 1 to {MAX_TASKS} tasks.", errors=[{"field": "tasks", "code": "out_of_range", "most": MAX_TASKS}])
    rows = PackingTask.objects.select_related("order", "warehouse", "provider").filter(pk__in=task_ids).order_by("order", "pk")
    tasks = list(rows)
    if missing := set(task_ids) - {task.pk for task in tasks}:
        raise NotFound(f"There is no packing task {min(missing)}.", kind="packingtask", id=min(missing))
    wrong = [task for task in tasks if task.status not in states]
    if wrong:
        said = ", ".join(f"{task} is {task.get_status_display()}" for task in wrong)
        raise TransitionRefused(f"{said}. {otherwise}", status=wrong[0].status, asked="print", tasks=[task.number for task in wrong])
    return tasks


def labels_of(tasks: Sequence[PackingTask], kind: str) -> list[TaskLabels]:
    """The labels of these tasks, which know their order, warehouse and provider. Two statements."""
    packages = list(Package.objects.filter(packing_task__in=tasks).order_by("packing_task", "sequence_number"))
    shipments = living_shipments(tasks)
    found = []
    for task in tasks:
        own = [package for package in packages if package.packing_task_id == task.pk]
        labels = []
        for number, package in enumerate(own, 1):
            shipment = shipments.get(package.pk)
            provider = shipment.provider if shipment else task.provider
            content = _content(task, package, shipment, provider, number, len(own), kind)
            label_format = provider.label_format if provider else LabelFormat.ZPL
            labels.append(PackageLabel(package, content, shipment.label_url if shipment else "", label_format))
        found.append(TaskLabels(task, kind, labels))
    return found


def living_shipments(tasks: Iterable[PackingTask]) -> dict[int, Shipment]:
    """The shipments that these tasks' packages have, by package."""
    rows = Shipment.objects.select_related("provider").filter(packing_task__in=list(tasks), status__in=sorted(LIVING_SHIPMENTS))
    return {row.package_id: row for row in rows}


def order_name(order: Order) -> str:
    """What customer and house call the order."""
    return clean(order.name)


def house_of(task: PackingTask) -> Party:
    """The warehouse as a sender."""
    site = task.warehouse
    names = ("street", "postal_code", "city", "country", "phone")
    return Party.of({"contact_name": site.contact_name or site.name, **{name: getattr(site, name) for name in names}})


def customer_of(shipment: Shipment | None) -> Party:
    """Whom the carrier was told to bring it to; nobody before it was asked."""
    address: dict[str, Any] = (shipment.request or {}).get("to_address") or {} if shipment else {}
    return Party.of(address)


def _content(
    task: PackingTask, package: Package, shipment: Shipment | None, provider: DeliveryProvider | None, number: int, count: int, kind: str
) -> LabelContent:
    house, customer, returned = house_of(task), customer_of(shipment), kind == LabelKind.RETURN
    return LabelContent(
        sender=customer if returned else house,
        receiver=house if returned else customer,
        order=order_name(task.order),
        package=number,
        packages=count,
        weight=f"{plain(package.weight)} kg" if package.weight else "",
        carrier=clean(provider.name) if provider else "",
        tracking_number=clean(shipment.tracking_number) if shipment else "",
        sscc=package.sscc,
        sscc_text=spaced(package.sscc, settings.GS1_COMPANY_PREFIX),
        code=package.barcode,
        is_return=returned,
    )
