"""Quality checks: what is looked at, what was found, and what became of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget

from fulfillment.admin.tasks import TaskAdmin
from fulfillment.admin.workers import PackerForm, hand_on_step
from fulfillment.enums import OPEN_QUALITY, QualityDecision, QualityStatus
from fulfillment.models import QualityCheck, QualityCheckItem
from fulfillment.services.quality_checks import (
    attach_quality_photo,
    cancel_quality_check,
    pass_quality_check,
    record_quality_finding,
    start_quality_check,
)
from fulfillment.services.quality_failures import fail_quality_check
from fulfillment.services.reassigning import reassign_quality_check
from warehouse.core.actor import Actor
from warehouse.core.admin import ReadOnlyInline, pairs, plain
from warehouse.core.admin_steps import ReasonForm, Step, StepForm, can, choice_field, quantity_field, text_field
from warehouse.core.photos import PHOTO_BYTES

UNDECIDED = ("", "decide later")
YES_NO = [("yes", "yes"), ("no", "no")]


class ItemStep(StepForm):
    """A step that asks about one item of the check."""

    item_id = choice_field("Goods", ())
    field_order = ["item_id"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        items = self.row.items.select_related("product", "batch")
        self.fields["item_id"].choices = [(item.pk, _named(item)) for item in items]  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"item_id": int(self.cleaned_data["item_id"])}


class FindingForm(ItemStep):
    condition = choice_field("Nothing is damaged", YES_NO)
    quantity = choice_field("As many as were picked", YES_NO)
    failed_quantity = quantity_field("How many are damaged or missing", required=False)
    decision = choice_field("What becomes of them", [UNDECIDED, *QualityDecision.choices], required=False)
    note = text_field("Note", required=False)


class PhotoForm(ItemStep):
    photo = forms.FileField(
        label="Photo",
        help_text=f"JPEG, PNG or WebP, up to {PHOTO_BYTES // 1024 // 1024} MB.",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )


class FailForm(StepForm):
    decision = choice_field("Of what nothing was decided yet", [("", "all is decided"), *QualityDecision.choices], required=False)

    def tells(self) -> list[str]:
        return [
            f"{plain(item.failed_quantity)} of {_named(item)}: {item.get_decision_display() or 'nothing decided yet'}"
            for item in self.row.items.filter(failed_quantity__gt=0).select_related("product", "batch")
        ]


class QualityItemInline(ReadOnlyInline):
    model = QualityCheckItem
    fields = ["product", "batch", "wanted", "condition_ok", "quantity_ok", "bad", "decision", "away", "paper", "picture", "note"]
    readonly_fields = ["wanted", "bad", "away", "paper", "picture"]
    verbose_name_plural = "goods"

    def get_queryset(self, request: HttpRequest) -> QuerySet[QualityCheckItem]:
        return super().get_queryset(request).select_related("product", "batch", "quarantined_in__location", "write_off", "check_document")

    @display(description="picked")
    def wanted(self, row: QualityCheckItem) -> str:
        return plain(row.quantity)

    @display(description="failed")
    def bad(self, row: QualityCheckItem) -> str:
        return plain(row.failed_quantity) if row.is_checked else ""

    @display(description="quarantine")
    def away(self, row: QualityCheckItem) -> str:
        return f"{plain(row.quarantined_quantity)} in {row.quarantined_in.location}" if row.quarantined_in else ""

    @display(description="write-off")
    def paper(self, row: QualityCheckItem) -> str:
        return str(row.write_off or "")

    @display(description="photo")
    def picture(self, row: QualityCheckItem) -> SafeString | str:
        if not row.photo:
            return ""
        address = reverse("quality-checks-attach-photo", args=[row.check_document_id, row.pk])
        return format_html('<a class="text-primary-600 underline" href="{}" target="_blank" rel="noopener">photo</a>', address)


def find(row: QualityCheck, arguments: dict[str, Any], actor: Actor, version: int) -> QualityCheckItem:
    return record_quality_finding(
        arguments["item_id"],
        condition_ok=arguments["condition"] == "yes",
        quantity_ok=arguments["quantity"] == "yes",
        failed_quantity=arguments["failed_quantity"] or 0,
        decision=arguments["decision"],
        note=arguments["note"],
        actor=actor,
        expected_version=version,
    )


def attach_photo(row: QualityCheck, arguments: dict[str, Any], actor: Actor, version: int) -> QualityCheckItem:
    # One byte more than is allowed is enough to be refused.
    return attach_quality_photo(arguments["item_id"], arguments["photo"].read(PHOTO_BYTES + 1), actor=actor, expected_version=version)


def being_checked(row: QualityCheck) -> bool:
    return row.status == QualityStatus.IN_PROGRESS


@admin.register(QualityCheck)
class QualityCheckAdmin(TaskAdmin):
    number_prefix = QualityCheck.number_prefix
    open_states = frozenset(OPEN_QUALITY)
    list_display = ["number", "of_order", "site", "state", "urgent", "worker", "progress", "left", "reason", "created_at"]
    inlines = [QualityItemInline]
    readonly_fields = ["status", "progress"]
    steps = [
        Step("start", "Start", start_quality_check, can("start"), description="You look at the goods.", icon="play_arrow"),
        Step("find", "Note a finding", record_quality_finding, being_checked, form=FindingForm, icon="edit_note", call=find),
        Step("photo", "Photo", attach_quality_photo, being_checked, form=PhotoForm, icon="photo_camera", call=attach_photo),
        Step(
            "succeed",
            "Pass",
            pass_quality_check,
            can("succeed"),
            description="All of it is good: it is packed next.",
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        Step(
            "fail",
            "Fail",
            fail_quality_check,
            can("fail"),
            description="What failed goes to quarantine; others are fetched where there are some.",
            form=FailForm,
            icon="report",
            variant=ActionVariant.DANGER,
        ),
        hand_on_step(reassign_quality_check, PackerForm),
        Step(
            "cancel",
            "Cancel check",
            cancel_quality_check,
            can("cancel"),
            description="These goods are not sent: the promise is released, and they are put back.",
            form=ReasonForm,
            icon="close",
            variant=ActionVariant.DANGER,
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: QualityCheck | None = None) -> list[Any]:
        fields = ["number", "order", "picking_task", "warehouse", "status", "reason", "worker", "progress", "priority", "ship_by", "created_at"]
        names = ("started_at", "finished_at", "cancelled_at", "cancellation_reason")
        return [(None, {"fields": pairs([*fields, *(name for name in names if obj and getattr(obj, name))])})]

    @display(description="looked at")
    def progress(self, row: QualityCheck) -> str:
        return f"{row.checked_items} of {row.total_items}"


def _named(item: QualityCheckItem) -> str:
    return f"{item.product.sku}, lot {item.batch.lot_number}: {plain(item.quantity)} {item.product.get_base_unit_display()}"
