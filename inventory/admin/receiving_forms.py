"""The forms of deliveries: the paper, its lines, and what their steps ask."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminSingleDateWidget

from inventory.models import Receiving, ReceivingItem
from warehouse.core.admin import plain
from warehouse.core.admin_steps import StepForm, quantity_field, text_field
from warehouse.core.errors import DomainError

EURO = "EUR"


def three_letters(currency: str) -> str:
    """The currency's code in capitals. Raises ValidationError for what is none."""
    if not re.fullmatch("[A-Za-z]{3}", currency):
        raise ValidationError("Three letters, such as EUR.")
    return currency.upper()


class Refused(Exception):
    """What an operation has refused of the page: the form with this prefix, or, without one, the head."""

    def __init__(self, error: DomainError, prefix: str | None = None) -> None:
        super().__init__(error.detail)
        self.error, self.prefix = error, prefix


class RefusedForm(forms.ModelForm):
    """A form that says what an operation has refused of it, where that is, so that nothing needs to be typed again."""

    refused: ClassVar[Refused | None] = None

    def tell_refusal(self) -> None:
        """Say it at the field that it is about, else above the form."""
        if self.refused is None or self.refused.prefix != self.prefix:
            return
        error = self.refused.error
        at = str(error.errors[0].get("field", "")) if error.errors else ""
        name = at.rpartition(".")[2]
        self.add_error(name if name in self.fields else None, error.detail.removeprefix(f"{at}: "))


class ReceivingForm(RefusedForm):
    """The paper's head. A change names the version it was based on."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Receiving
        fields = ["warehouse", "location", "supplier", "supplier_reference", "notes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "notes" in self.fields:
            self.fields["notes"].widget.attrs["rows"] = 2
        if "location" in self.fields:
            self.fields["location"].required = False
            self.fields["location"].help_text = "Where the goods go unless a line says otherwise; empty: the receiving dock."
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.instance.version

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.tell_refusal()
        return data

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "location"}  # type: ignore[misc]


class ReceivingItemForm(RefusedForm):
    class Meta:
        model = ReceivingItem
        fields = [
            "product", "lot_number", "produced_on", "label_expires_on", "label_condition", "expected_quantity", "actual_quantity",
            "damaged_quantity", "purchase_price", "currency", "location", "accept_short_dated", "short_dated_reason",
        ]  # fmt: skip
        labels = {
            "lot_number": "lot",
            "produced_on": "made",
            "label_expires_on": "expiry",
            "label_condition": "stored",
            "expected_quantity": "expected",
            "actual_quantity": "actual",
            "damaged_quantity": "damaged",
            "purchase_price": "price",
            "accept_short_dated": "short dated is fine",
            "short_dated_reason": "because",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("expected_quantity", "actual_quantity", "damaged_quantity", "purchase_price"):
            if name in self.fields:
                self.fields[name].widget.attrs["style"] = "width: 5.5rem; min-width: 5.5rem"
                if self.instance.pk is not None:
                    self.initial[name] = plain(self.initial[name])
        if "currency" in self.fields:
            self.fields["currency"].required = False
            self.fields["currency"].widget.attrs["style"] = "width: 4rem; min-width: 4rem"
        for name in ("product", "location"):
            widget = self.fields[name].widget if name in self.fields else None
            if isinstance(widget, RelatedFieldWidgetWrapper):
                widget.can_add_related = widget.can_change_related = widget.can_view_related = False

    def clean_currency(self) -> str:
        return three_letters(self.cleaned_data["currency"] or self.instance.currency)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        self.tell_refusal()
        return data

    def _get_validation_exclusions(self) -> set[str]:
        """Without what the constraints of the table are about: the operations judge that, and say it better."""
        judged = {"expected_quantity", "actual_quantity", "damaged_quantity", "accept_short_dated", "short_dated_reason"}
        return {*super()._get_validation_exclusions(), *judged}  # type: ignore[misc]


def line_values(form: forms.ModelForm[ReceivingItem], names: Iterable[str]) -> dict[str, Any]:
    """These fields of a line's form as the operations take them."""
    data = form.cleaned_data
    rows = {"product", "location"}
    return {f"{name}_id" if name in rows else name: (data[name] and data[name].pk) if name in rows else data[name] for name in names}


class ScanForm(StepForm):
    scan = text_field("Barcode", autofocus=True, max_length=200, help_text="A product's barcode, its SKU, or a GS1 code with lot and expiry.")
    quantity = quantity_field("How many", required=False, help_text="Empty: as many as are in the pack.")


class AddItemForm(StepForm):
    scan = text_field("Product", autofocus=True, help_text="Its SKU or barcode.")
    lot_number = text_field("Lot", required=False, max_length=60, help_text="Made up when missing.")
    label_expires_on = forms.DateField(label="Expiry on the label", required=False, widget=UnfoldAdminSingleDateWidget())
    produced_on = forms.DateField(label="Made on", required=False, widget=UnfoldAdminSingleDateWidget())
    quantity = quantity_field("How many arrived")
    damaged_quantity = quantity_field("How many of them are damaged", required=False)
    purchase_price = quantity_field("Purchase price", required=False, decimals=4)
    currency = text_field("Currency", required=False, max_length=3, help_text="Three letters; EUR when empty.")

    def clean_currency(self) -> str:
        return three_letters(self.cleaned_data["currency"] or EURO)
