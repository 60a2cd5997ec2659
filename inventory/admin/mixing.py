"""Dialogs that pour goods of several lots together, and take a part of a mix out again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from inventory.enums import BatchStatus, BlockedReason
from inventory.models import BatchLocation, Location, MixedBatch
from inventory.services.mixing import MIXING_PLACES, MixSource, mix_batches, split_mixed_batch
from warehouse.core.actor import Actor
from warehouse.core.admin import plain
from warehouse.core.admin_steps import Step, StepForm, choice_field, quantity_field, text_field
from warehouse.core.errors import ValidationFailed

SHOWN = 20


def mixable(row: BatchLocation) -> QuerySet[BatchLocation]:
    """What may be poured together with these goods, they first, then what expires first."""
    rows = BatchLocation.objects.filter(
        warehouse=row.warehouse_id, product=row.product_id, phase=row.phase, has_stock=True, quantity__gt=F("reserved")
    )
    rows = rows.filter(batch__status=BatchStatus.AVAILABLE, location__kind__in=MIXING_PLACES).exclude(blocked_reason=BlockedReason.EXPIRED)
    rows = rows.select_related("batch", "location")
    return rows.order_by(F("effective_expires_at").asc(nulls_last=True), "pk")


class MixForm(StepForm):
    """How much of what; the choices are what is free of this product in the warehouse now."""

    to_location_id = choice_field("Into which place", ())
    lot_number = text_field("Lot of the mix", required=False, max_length=60, help_text="Made up when missing.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = Location.objects.filter(warehouse=self.row.warehouse_id, kind__in=MIXING_PLACES, is_active=True).order_by("code")
        self.fields["to_location_id"].choices = [(place.pk, str(place)) for place in places]  # type: ignore[attr-defined]
        self.initial.setdefault("to_location_id", self.row.location_id)
        self.takes: dict[str, int] = {}
        for place in mixable(self.row)[:SHOWN]:
            name = f"take_{place.pk}"
            self.takes[name] = place.pk
            expires = f", expires {date_format(timezone.localtime(place.effective_expires_at), 'DATE_FORMAT')}" if place.effective_expires_at else ""
            self.fields[name] = quantity_field(
                f"Lot {place.batch.lot_number} in {place.location.code}",
                required=False,
                help_text=f"{plain(place.quantity - place.reserved)} free{expires}",
            )

    def tells(self) -> list[str]:
        return [] if len(self.takes) > 1 else ["No other lot of this product is free in this warehouse: there is nothing to mix it with."]

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        first = [self[name] for name in ("expected_version", "to_location_id", "lot_number")]
        return [("", first), ("How much of each", [self[name] for name in self.takes])]

    def arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        sources = [MixSource(pk, data[name]) for name, pk in self.takes.items() if data.get(name)]
        return {"to_location_id": int(data["to_location_id"]), "lot_number": data["lot_number"], "sources": sources}


def mix_here(row: BatchLocation, arguments: dict[str, Any], actor: Actor, version: int) -> MixedBatch:
    mixed = mix_batches(warehouse_id=row.warehouse_id, actor=actor, **arguments)
    return MixedBatch.objects.get(pk=mixed.pk)


def can_be_mixed(row: BatchLocation) -> bool:
    return row.quantity > row.reserved and row.location.kind in MIXING_PLACES and row.batch.status == BatchStatus.AVAILABLE


MIX = Step(
    "mix",
    "Mix with others",
    mix_batches,
    can_be_mixed,
    description="Goods of several lots are poured together into one lot. It expires with the first of them; they can't be told apart again.",
    form=MixForm,
    icon="blender",
    version="",
    call=mix_here,
)


class SplitForm(StepForm):
    batch_location_id = choice_field("From which place", ())
    quantity = quantity_field("How much")
    lot_number = text_field("Its lot", required=False, max_length=60, help_text="Made up when missing.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = BatchLocation.objects.filter(batch=self.row, has_stock=True).select_related("location", "warehouse").order_by("pk")
        self.fields["batch_location_id"].choices = [  # type: ignore[attr-defined]
            (place.pk, f"{place.warehouse.code} {place.location.code}: {plain(place.quantity - place.reserved)} free") for place in places
        ]


def split_part(row: MixedBatch, arguments: dict[str, Any], actor: Actor, version: int) -> Any:
    quantity: Decimal | None = arguments["quantity"]
    if quantity is None:
        raise ValidationFailed("Say how much is taken out.")
    return split_mixed_batch(row.pk, int(arguments["batch_location_id"]), quantity, lot_number=arguments["lot_number"], actor=actor)


def has_some(row: MixedBatch) -> bool:
    return BatchLocation.objects.filter(batch=row, has_stock=True).exists()


SPLIT = Step(
    "split",
    "Take a part out",
    split_mixed_batch,
    has_some,
    description="The part becomes a lot of its own with the clock, cost and components of the mix.",
    form=SplitForm,
    icon="call_split",
    version="",
    call=split_part,
)
