"""Packing tasks with their goods and packages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant

from fulfillment.admin.providers import ProviderForm
from fulfillment.admin.tasks import TaskAdmin
from fulfillment.enums import OPEN_PACKING, PackagingType, PackingStatus
from fulfillment.models import Package, PackingTask, PackingTaskItem
from fulfillment.services.packages import add_package, set_package_details
from fulfillment.services.packing_tasks import cancel_packing_task, complete_packing_task, ship_packing_task, start_packing_task
from fulfillment.services.providers import change_provider
from warehouse.core.admin import ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, can, choice_field, quantity_field


class PackageForm(StepForm):
    """The measures of a package."""

    packaging_type = choice_field("Packaging", PackagingType.choices)
    weight = quantity_field("Weight, kg", min_value=Decimal("0.001"))
    length = quantity_field("Length, cm", min_value=Decimal("0.01"), decimals=2)
    width = quantity_field("Width, cm", min_value=Decimal("0.01"), decimals=2)
    height = quantity_field("Height, cm", min_value=Decimal("0.01"), decimals=2)


class MeasureForm(PackageForm):
    """The measures of one of the packages that there are."""

    package_id = choice_field("Package", ())
    field_order = ["package_id"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        packages = list(self.row.packages.all())
        self.fields["package_id"].choices = [(package.pk, f"{package.sequence_number}: {package.barcode}") for package in packages]  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"package_id": int(self.cleaned_data["package_id"])}


class PackingItemInline(ReadOnlyInline):
    model = PackingTaskItem
    fields = ["product", "batch", "wanted", "packed", "status", "packed_at"]
    readonly_fields = ["wanted", "packed", "status"]
    verbose_name_plural = "goods"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PackingTaskItem]:
        return super().get_queryset(request).select_related("product", "batch", "task")

    @display(description="quantity")
    def wanted(self, row: PackingTaskItem) -> str:
        return plain(row.quantity)

    @display(description="packed")
    def packed(self, row: PackingTaskItem) -> str:
        return f"{plain(row.packed_quantity)} ({row.progress:.0f} %)"


class PackageInline(ReadOnlyInline):
    model = Package
    fields = [
        "sequence_number",
        "barcode",
        "packaging_type",
        "weight",
        "sides",
        "volumetric",
        "chargeable",
        "contents",
        "tracking_number",
        "label_url",
    ]
    readonly_fields = ["barcode", "sides", "volumetric", "chargeable", "contents", "label_url"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        return super().get_queryset(request).select_related("packing_task__provider").prefetch_related("items__item__product")

    @display(description="L × W × H, cm")
    def sides(self, row: Package) -> str:
        return " × ".join(plain(side) for side in (row.length, row.width, row.height)) if row.is_measured else "not measured"

    @display(description="volumetric, kg")
    def volumetric(self, row: Package) -> str:
        return plain(row.volumetric_weight)

    @display(description="chargeable, kg")
    def chargeable(self, row: Package) -> str:
        return plain(row.chargeable_weight)

    @display(description="goods")
    def contents(self, row: Package) -> str:
        return ", ".join(f"{plain(part.quantity)} × {part.item.product.sku}" for part in row.items.all())


@admin.register(PackingTask)
class PackingTaskAdmin(TaskAdmin):
    number_prefix = PackingTask.number_prefix
    open_states = frozenset(OPEN_PACKING)
    list_display = ["number", "order", "warehouse", "state", "urgent", "worker", "progress", "left", "tracking_number", "created_at"]
    inlines = [PackingItemInline, PackageInline]
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
            icon="straighten",
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
        Step(
            "ship",
            "Hand over",
            ship_packing_task,
            can("ship"),
            description="The carrier takes all packages; the goods leave the books. This can't be taken back.",
            icon="local_shipping",
            variant=ActionVariant.PRIMARY,
        ),
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
            lambda row: row.status in OPEN_PACKING,
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
