"""Steps of what lies in a place: move it, put it away, freeze, thaw or open it, make a part of it a lot of its own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q

from inventory.enums import LocationKind, Phase, PhaseChange
from inventory.models import Batch, BatchLocation, Location
from inventory.queries.put_away import suggest_places
from inventory.services.moving import BENCHES, move_stock, put_away
from inventory.services.phases import change_phase
from inventory.services.splitting import split_batch
from warehouse.core.actor import Actor
from warehouse.core.admin_steps import Step, StepForm, choice_field, quantity_field, text_field
from warehouse.core.errors import DomainError, ValidationFailed
from warehouse.core.quantities import plain

OTHER = ""


def place_named(warehouse_id: int, name: str) -> int:
    """A place of the warehouse by its code or barcode. Raises ValidationFailed when there is none."""
    found = (
        Location.objects.filter(Q(code__iexact=name.strip()) | Q(barcode=name.strip()), warehouse=warehouse_id).values_list("pk", flat=True).first()
    )
    if found is None:
        raise ValidationFailed(f"This warehouse has no place {name.strip()[:40]!r}. Give its code or scan its barcode.", place=name[:80])
    return found


class GoodsForm(StepForm):
    """Asks how much; all that is free, unless less is said."""

    quantity = quantity_field("How much")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["quantity"] = plain(self.row.quantity - self.row.reserved)

    def tells(self) -> list[str]:
        row: BatchLocation = self.row
        promised = f", {plain(row.reserved)} of it promised" if row.reserved else ""
        return [f"{row.product}, lot {row.batch.lot_number}, {row.get_phase_display()}: {plain(row.quantity)} in {row.location}{promised}."]


class MoveForm(GoodsForm):
    place = text_field("To which place", autofocus=True, max_length=80, help_text="Its code, or scan its barcode.")
    reason = text_field("Reason", required=False)


class PutAwayForm(GoodsForm):
    place = text_field("Another place", required=False, max_length=80, help_text="Its code, or scan its barcode.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            found = [(str(each.location_id), f"{each.code}: {each.reason}") for each in suggest_places(self.row.pk)]
        except DomainError:
            found = []
        choices = [*found, (OTHER, "another place")]
        self.fields["suggested"] = forms.ChoiceField(label="To which place", choices=choices, required=False, widget=choice_field("", choices).widget)
        self.initial["suggested"] = choices[0][0]
        self.order_fields(["expected_version", "quantity", "suggested", "place"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not data.get("suggested") and not data.get("place"):
            self.add_error("place", "Choose a place, or name one.")
        return data


class PhaseForm(GoodsForm):
    change = choice_field("What is done", PhaseChange.choices)
    place = text_field("Where they go", required=False, max_length=80, help_text="Its code or barcode. Opened goods stay where they are without one.")
    reason = text_field("Reason", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["expected_version", "change", "quantity", "place", "reason"])


class SplitForm(GoodsForm):
    lot_number = text_field("Number of the new lot", required=False, max_length=60, help_text="Numbered after this lot when empty.")
    reason = text_field("Reason", required=False)


def move(row: BatchLocation, arguments: dict[str, Any], actor: Actor, version: int) -> int:
    place = place_named(row.warehouse_id, arguments["place"])
    return move_stock(row.pk, arguments["quantity"], place, reason=arguments["reason"], actor=actor)


def put(row: BatchLocation, arguments: dict[str, Any], actor: Actor, version: int) -> int:
    place = place_named(row.warehouse_id, arguments["place"]) if arguments["place"] else int(arguments["suggested"])
    return put_away(row.pk, arguments["quantity"], place, actor=actor)


def change(row: BatchLocation, arguments: dict[str, Any], actor: Actor, version: int) -> int:
    place = place_named(row.warehouse_id, arguments["place"]) if arguments["place"] else None
    return change_phase(row.pk, arguments["quantity"], arguments["change"], place, reason=arguments["reason"], actor=actor)


def split(row: BatchLocation, arguments: dict[str, Any], actor: Actor, version: int) -> Batch:
    return split_batch(row.pk, arguments["quantity"], lot_number=arguments["lot_number"], reason=arguments["reason"], actor=actor)


def has_free(row: BatchLocation) -> bool:
    return row.quantity > row.reserved and row.location.kind not in BENCHES


def on_a_dock(row: BatchLocation) -> bool:
    return has_free(row) and row.location.kind == LocationKind.RECEIVING


def keeps_otherwise(row: BatchLocation) -> bool:
    return has_free(row) and row.location.kind != LocationKind.TRANSIT and row.phase != Phase.OPENED


def splits(row: BatchLocation) -> bool:
    return has_free(row) and row.location.kind != LocationKind.TRANSIT


# The row's version counts every promise too: whether so much is free is judged by the operations.
MOVES = [
    Step("put_away", "Put away", put_away, on_a_dock, form=PutAwayForm, icon="shelves", version="", call=put),
    Step("move", "Move", move_stock, has_free, description="Only what is not promised moves.", form=MoveForm, icon="move_up", version="", call=move),
    Step(
        "change_phase",
        "Freeze, thaw, open",
        change_phase,
        keeps_otherwise,
        description="From then on the goods keep for another time. This can't be taken back.",
        form=PhaseForm,
        icon="ac_unit",
        version="",
        call=change,
    ),
    Step(
        "split", "Split lot", split_batch, splits, description="They stay where they are.", form=SplitForm, icon="call_split", version="", call=split
    ),
]
