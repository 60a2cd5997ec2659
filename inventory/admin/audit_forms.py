"""What the steps of an audit ask."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSingleDateWidget

from inventory.enums import AuditLineStatus, AuditStatus, Uncounted
from inventory.models import Audit, AuditLine
from inventory.queries.audit_report import with_difference
from inventory.queries.audits import lines_of
from inventory.queries.scan import Scanned, find_by_scan
from warehouse.core.actor import Role
from warehouse.core.admin import plain, signed
from warehouse.core.admin_steps import ReasonForm, StepForm, choice_field, quantity_field, text_field
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import require_line

AT_ONCE = 100


class AuditForm(forms.ModelForm):
    """What is to be counted. A change names the version it was based on."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Audit
        fields = ["warehouse", "scope", "zone", "locations", "products", "blind", "recount_above_percent", "notes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "notes" in self.fields:
            self.fields["notes"].widget.attrs["rows"] = 2
        if "locations" in self.fields:
            self.fields["locations"].label = "Places"
            self.fields["locations"].help_text = "Of what moved most the twenty first, when left empty."
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version

    def values(self) -> dict[str, Any]:
        """As the operations take them."""
        data = self.cleaned_data
        plain_values = {name: data[name] for name in ("scope", "zone", "blind", "recount_above_percent", "notes")}
        return {**plain_values, "location_ids": [row.pk for row in data["locations"]], "product_ids": [row.pk for row in data["products"]]}


class PlacesForm(StepForm):
    places = text_field(
        "Places", autofocus=True, max_length=2000, help_text="Their barcodes or codes, with spaces between. What is there is counted from now on."
    )

    def clean_places(self) -> list[int]:
        codes = self.cleaned_data["places"].replace(",", " ").split()
        found = {code: find_place(code, self.row.warehouse_id).location_id for code in codes[:AT_ONCE]}
        strange = [code for code, place in found.items() if place is None]
        if strange or len(codes) > AT_ONCE:
            raise ValidationError(f"No place here: {', '.join(strange)}." if strange else f"Not more than {AT_ONCE} places at once.")
        return [place for place in found.values() if place is not None]


def find_place(code: str, warehouse_id: int) -> Scanned:
    return find_by_scan(code, warehouse_id=warehouse_id)


class CountsForm(StepForm):
    """A field for each line of the places that the reader has scanned; what is left empty is not counted yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        waiting = waiting_lines(self.row)
        if Role.MANAGER not in self.actor.roles:
            waiting = waiting.filter(scanned_by=self.actor.user_id)
        self.lines = list(waiting[:AT_ONCE])
        for line in self.lines:
            self.fields[f"line-{line.pk}"] = quantity_field(_named(line), required=False)

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        by_place: dict[str, list[forms.BoundField]] = defaultdict(list)
        for line in self.lines:
            by_place[line.location.code].append(self[f"line-{line.pk}"])
        return [("", [self["expected_version"]]), *by_place.items()]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.counts: dict[int, Decimal] = {}
        for line in self.lines:
            quantity = data.get(f"line-{line.pk}")
            if quantity is None:
                continue
            self.counts[line.pk] = quantity
            try:
                require_line(quantity, line.product.quantity_step, sku=line.product.sku)
            except ValidationFailed as error:
                self.add_error(f"line-{line.pk}", error.detail)
        if not self.counts and not self.errors:
            raise ValidationError(
                "Nothing is counted. Scan a place first, then enter what is there." if not self.lines else "Enter at least one count."
            )
        return data

    def arguments(self) -> dict[str, Any]:
        return {"counts": self.counts}


class FoundForm(StepForm):
    place = text_field("Place", autofocus=True, help_text="Its barcode or code.")
    scan = text_field("Product", max_length=200, help_text="Its SKU or barcode, or a GS1 code with lot and expiry.")
    quantity = quantity_field("How many")
    lot_number = text_field(
        "Lot", required=False, max_length=60, help_text="Empty when nothing says it: then the date on the label, or when it was made."
    )
    label_expires_on = forms.DateField(label="Expiry on the label", required=False, widget=UnfoldAdminSingleDateWidget())
    produced_on = forms.DateField(label="Made on", required=False, widget=UnfoldAdminSingleDateWidget())


class CountAgainForm(ReasonForm):
    """The counted lines, the ones that are furthest off first."""

    field_order = ["line_ids", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        counted = with_difference(lines_of(self.row).filter(status=AuditLineStatus.COUNTED))
        lines = sorted(counted[:1000], key=lambda line: -abs(line.off))[:AT_ONCE]  # type: ignore[attr-defined]
        choices = [(line.pk, f"{line.location.code}, {_named(line)}: {plain(line.counted_quantity)} ({signed(line.off)})") for line in lines]  # type: ignore[attr-defined]
        self.fields["line_ids"] = forms.TypedMultipleChoiceField(
            label="Lines", coerce=int, choices=choices, widget=UnfoldAdminCheckboxSelectMultipleWidget()
        )
        self.order_fields(self.field_order)


class CompleteForm(StepForm):
    uncounted = choice_field("Lines that nobody counted", Uncounted.choices)


def waiting_lines(audit: Audit) -> Any:
    """Lines whose place was scanned and which have no count yet."""
    return lines_of(audit).filter(scanned_at__isnull=False).exclude(status=AuditLineStatus.COUNTED)


def is_running(row: Audit) -> bool:
    return row.status == AuditStatus.IN_PROGRESS


def has_counts_to_enter(row: Audit) -> bool:
    return is_running(row) and waiting_lines(row).exists()


def has_counts(row: Audit) -> bool:
    return is_running(row) and row.lines.filter(status=AuditLineStatus.COUNTED).exists()


def _named(line: AuditLine) -> str:
    phase = "" if line.phase == "sealed" else f", {line.get_phase_display()}"
    return f"{line.product.sku}, lot {line.lot_number}{phase}"
