"""Packing tasks with their goods and packages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant

from fulfillment.admin.labels import PRINT_TASK, TaskLabelButtons, label_links
from fulfillment.admin.packing_forms import CONTENTS, MeasureForm, MoveForm, PackageForm, WeighForm, contents_of
from fulfillment.admin.providers import ProviderForm
from fulfillment.admin.tasks import TaskAdmin
from fulfillment.admin.workers import PackerForm, hand_on_step
from fulfillment.enums import OPEN_PACKING, PackingStatus
from fulfillment.models import Package, PackingTask, PackingTaskItem
from fulfillment.services.labels import LABELLED
from fulfillment.services.pack_scans import move_packed, undo_pack_scan
from fulfillment.services.packages import add_package, set_package_details
from fulfillment.services.packing_tasks import cancel_packing_task, complete_packing_task, ship_packing_task, start_packing_task
from fulfillment.services.providers import change_provider
from fulfillment.services.reassigning import reassign_packing_task
from fulfillment.services.weighing import weigh_item
from warehouse.core.admin import ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, can


class PackingItemInline(ReadOnlyInline):
    model = PackingTaskItem
    fields = ["product", "batch", "wanted", "packed", "really", "status", "packed_at"]
    readonly_fields = ["wanted", "packed", "really", "status"]
    verbose_name_plural = "goods"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PackingTaskItem]:
        return super().get_queryset(request).select_related("product", "batch", "task")

    @display(description="quantity")
    def wanted(self, row: PackingTaskItem) -> str:
        return plain(row.quantity)

    @display(description="packed")
    def packed(self, row: PackingTaskItem) -> str:
        return f"{plain(row.packed_quantity)} ({row.progress:.0f} %)"

    @display(description="on the scale")
    def really(self, row: PackingTaskItem) -> str:
        return plain(row.actual_quantity)


class PackageInline(ReadOnlyInline):
    model = Package
    fields = [
        "numbers",
        "contents",
        "kind",
        "weighs",
        "sides",
        "chargeable",
        "tracking_number",
        "labels",
    ]
    readonly_fields = ["numbers", "contents", "kind", "weighs", "sides", "chargeable", "labels"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        return super().get_queryset(request).select_related("packing_task__provider", "box_type").prefetch_related(CONTENTS)

    @display(description="number, SSCC")
    def numbers(self, row: Package) -> str:
        return f"{row.barcode} {row.sscc}"

    @display(description="packaging")
    def kind(self, row: Package) -> str:
        return str(row.box_type or row.get_packaging_type_display())

    @display(description="weight, kg")
    def weighs(self, row: Package) -> str:
        return f"{plain(row.weight)} ({row.weight_reason})" if row.weight_reason else plain(row.weight)

    @display(description="L × W × H, cm")
    def sides(self, row: Package) -> str:
        return " × ".join(plain(side) for side in (row.length, row.width, row.height)) if row.is_measured else "not measured"

    @display(description="chargeable (volumetric), kg")
    def chargeable(self, row: Package) -> str:
        return f"{plain(row.chargeable_weight)} ({plain(row.volumetric_weight)})" if row.is_measured else ""

    @display(description="label")
    def labels(self, row: Package) -> str:
        return label_links(row) if row.packing_task.status in LABELLED else ""

    @display(description="goods")
    def contents(self, row: Package) -> str:
        return contents_of(row)


@admin.register(PackingTask)
class PackingTaskAdmin(TaskLabelButtons, TaskAdmin):
    number_prefix = PackingTask.number_prefix
    open_states = frozenset(OPEN_PACKING)
    list_display = ["number", "of_order", "site", "state", "urgent", "worker", "progress", "left", "tracking_number"]
    inlines = [PackingItemInline, PackageInline]
    actions = ["print_slips", "print_chosen_labels"]  # type: ignore[assignment]
    readonly_fields = ["status", "progress", "label_url"]
    steps = [
        Step("start", "Start", start_packing_task, can("start"), description="You become its packer.", icon="play_arrow"),
        Step(
            "add_package",
            "Add package",
            add_package,
            lambda row: row.status == PackingStatus.IN_PROGRESS,
            form=PackageForm,
            icon="add_box",
        ),
        Step(
            "measure",
            "Measure",
            set_package_details,
            lambda row: row.status == PackingStatus.IN_PROGRESS and row.packages.exists(),
            form=MeasureForm,
            description="The weight is held against what the goods and the box should weigh.",
            icon="straighten",
        ),
        Step(
            "move",
            "Move goods",
            move_packed,
            lambda row: row.status == PackingStatus.IN_PROGRESS and row.packages.count() > 1 and row.packages.filter(items__isnull=False).exists(),
            form=MoveForm,
            icon="swap_horiz",
        ),
        Step(
            "weigh",
            "Weigh goods",
            weigh_item,
            lambda row: row.status == PackingStatus.IN_PROGRESS and row.items.filter(product__quantity_step__lt=1).exists(),
            form=WeighForm,
            description="What the scale says is what leaves the books.",
            icon="scale",
        ),
        Step(
            "undo",
            "Undo scan",
            undo_pack_scan,
            lambda row: row.status == PackingStatus.IN_PROGRESS and row.packages.filter(items__isnull=False).exists(),
            description="The goods of the last scan come out of their package again.",
            icon="undo",
        ),
        Step(
            "complete",
            "Packed",
            complete_packing_task,
            can("pack"),
            description="Every item is in a package and every package is measured: the carrier is asked for waybills.",
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        PRINT_TASK,
        Step(
            "ship",
            "Hand over",
            ship_packing_task,
            can("ship"),
            description="The carrier takes all packages; the goods leave the books. This can't be taken back.",
            icon="local_shipping",
            variant=ActionVariant.PRIMARY,
        ),
        hand_on_step(reassign_packing_task, PackerForm),
        Step(
            "cancel",
            "Cancel task",
            cancel_packing_task,
            can("cancel"),
            description="The promise is released, the goods are put back, shipments are cancelled or voided.",
            form=ReasonForm,
            icon="close",
            variant=ActionVariant.DANGER,
        ),
        Step(
            "change_provider",
            "Another carrier",
            change_provider,
            lambda row: row.status in OPEN_PACKING and not row.tracking_number,
            description="As long as no package has a waybill.",
            form=ProviderForm,
            icon="swap_horiz",
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: PackingTask | None = None) -> list[Any]:
        fields = ["number", "order", "picking_task", "warehouse", "status", "worker", "progress", "priority", "ship_by", "provider", "created_at"]
        names = ("tracking_number", "label_url", "started_at", "packed_at", "shipped_at", "cancelled_at", "cancellation_reason", "notes")
        return [(None, {"fields": pairs([*fields, *(name for name in names if obj and getattr(obj, name))])})]

    @display(description="items packed")
    def progress(self, row: PackingTask) -> str:
        return f"{row.packed_items} of {row.total_items}"
