"""What `/packing-tasks` shows and takes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from fulfillment.api.tasks import TaskSummary
from fulfillment.enums import PackagingType
from fulfillment.models import Package, PackageItem, PackingTask, PackingTaskItem
from fulfillment.queries.box_suggestions import SuggestedBox
from warehouse.core.api.inputs import CodeField, IdField, Input, QuantityField


class PackingItemOut(serializers.ModelSerializer):
    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    lot_number = serializers.CharField(source="batch.lot_number")
    remaining = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True)
    progress = serializers.DecimalField(max_digits=4, decimal_places=1, read_only=True, help_text="Per cent.")

    class Meta:
        model = PackingTaskItem
        fields = (
            "id", "product", "sku", "name", "batch", "lot_number", "listing_id", "quantity", "packed_quantity", "remaining", "progress", "actual_quantity",
            "status", "packed_at",
        )  # fmt: skip


class PackageItemOut(serializers.ModelSerializer):
    class Meta:
        model = PackageItem
        fields = ("item", "quantity")


class PackageOut(serializers.ModelSerializer):
    volumetric_weight = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True, allow_null=True, help_text="Kilograms.")
    chargeable_weight = serializers.DecimalField(max_digits=14, decimal_places=3, read_only=True, allow_null=True, help_text="Kilograms.")
    box_type = serializers.CharField(source="box_type.code", default=None, allow_null=True)
    items = PackageItemOut(many=True)

    class Meta:
        model = Package
        fields = (
            "id", "sequence_number", "barcode", "sscc", "packaging_type", "box_type", "own_weight", "weight", "weight_reason", "length", "width",
            "height", "volumetric_weight", "chargeable_weight", "tracking_number", "label_url", "items",
        )  # fmt: skip


class PackingSummary(TaskSummary):
    provider = serializers.CharField(source="provider.code", default=None, allow_null=True)

    class Meta:
        model = PackingTask
        fields = (
            "id", "number", "order", "order_id", "picking_task", "warehouse", "warehouse_id", "worker", "provider", "status", "priority", "ship_by",
            "total_items", "packed_items", "tracking_number", "label_url", "reservation", "notes", "created_at", "started_at", "packed_at", "shipped_at",
            "cancelled_at", "cancellation_reason", "updated_at", "version",
        )  # fmt: skip


class PackingOut(PackingSummary):
    """The task; `packaging_type` and the measures are those of its first package."""

    packaging_type = serializers.CharField(source="first_package.packaging_type", default=None, allow_null=True)
    weight = serializers.DecimalField(source="first_package.weight", max_digits=10, decimal_places=3, default=None, allow_null=True)
    length = serializers.DecimalField(source="first_package.length", max_digits=10, decimal_places=2, default=None, allow_null=True)
    width = serializers.DecimalField(source="first_package.width", max_digits=10, decimal_places=2, default=None, allow_null=True)
    height = serializers.DecimalField(source="first_package.height", max_digits=10, decimal_places=2, default=None, allow_null=True)
    items = PackingItemOut(many=True)
    packages = PackageOut(many=True)

    class Meta(PackingSummary.Meta):
        fields = (  # type: ignore[assignment]
            *PackingSummary.Meta.fields, "packaging_type", "weight", "length", "width", "height", "items", "packages",
        )  # fmt: skip


class ClaimedPackingOut(serializers.Serializer):
    task = PackingOut(allow_null=True, help_text="Null when there is no work.")


class SuggestedItemOut(serializers.Serializer):
    item = serializers.IntegerField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField(help_text="Pieces; a begun kilogram counts as a whole one.")


class SuggestedBoxOut(serializers.Serializer):
    box_type = serializers.CharField(source="box_type.code")
    name = serializers.CharField(source="box_type.name")
    contents = serializers.SerializerMethodField()

    @extend_schema_field(SuggestedItemOut(many=True))
    def get_contents(self, box: SuggestedBox) -> Any:
        return SuggestedItemOut([{"item": item.pk, "sku": item.product.sku, "quantity": count} for item, count in box.contents], many=True).data


class BoxSuggestionOut(serializers.Serializer):
    """Boxes for what is still to be packed, the largest first."""

    boxes = SuggestedBoxOut(many=True)
    unsized = serializers.ListField(child=serializers.CharField(), help_text="SKUs of goods without sizes: nothing is said of them.")
    too_big = serializers.ListField(child=serializers.CharField(), help_text="SKUs of goods that fit into no box.")
    too_many = serializers.BooleanField(help_text="More goods than a parcel has: nothing is suggested.")


class PackingIn(Input):
    picking_task = IdField()


class PackItemIn(Input):
    scan = serializers.CharField(max_length=200, help_text="SKU, barcode, lot number or GS1 code, as scanned.")
    quantity = QuantityField(required=False, help_text="Default: one.")
    package = IdField(required=False, help_text="Default: the last one; a first one is made when there is none.")


class MeasureField(serializers.DecimalField):
    """Kilograms or centimetres, greater than zero."""

    def __init__(self, decimal_places: int, **kwargs: Any) -> None:
        super().__init__(max_digits=10, decimal_places=decimal_places, min_value=0, **kwargs)


class DetailsIn(Input):
    weight = MeasureField(3, help_text="Kilograms.")
    length = MeasureField(2, required=False, help_text="Centimetres; a side that is left out stays, or is the box type's.")
    width = MeasureField(2, required=False, help_text="Centimetres.")
    height = MeasureField(2, required=False, help_text="Centimetres.")
    packaging_type = serializers.ChoiceField(choices=PackagingType.choices, required=False)
    box_type = CodeField(max_length=20, required=False, help_text="Its code: gives kind, sides and own weight.")
    weight_reason = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="Why it weighs otherwise than it should.")
    package = IdField(required=False, help_text="Which one, where there are several.")


class BoxIn(Input):
    box_type = CodeField(max_length=20, help_text="Its code.")
    package = IdField(required=False, help_text="Default: the last one; a first one is made when there is none.")


class MovePackedIn(Input):
    item = IdField()
    from_package = IdField()
    to_package = IdField()
    quantity = QuantityField(required=False, help_text="Default: all that is there of it.")


class WeighIn(Input):
    item = IdField()
    quantity = QuantityField(help_text="What the scale says, in the product's base unit.")


class PackageIn(Input):
    box_type = CodeField(max_length=20, required=False, help_text="Its code: gives kind, sides and own weight.")
    packaging_type = serializers.ChoiceField(choices=PackagingType.choices, required=False)
    weight = MeasureField(3, required=False, allow_null=True)
    length = MeasureField(2, required=False, allow_null=True)
    width = MeasureField(2, required=False, allow_null=True)
    height = MeasureField(2, required=False, allow_null=True)


class ProviderIn(Input):
    provider = CodeField(max_length=40, help_text="The carrier's code.")
