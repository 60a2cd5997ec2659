"""What the steps of a packing task ask."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Prefetch

from fulfillment.enums import PackagingType
from fulfillment.models import BoxType, Package, PackageItem
from fulfillment.queries.package_weights import should_weigh
from warehouse.core.admin import plain
from warehouse.core.admin_steps import StepForm, choice_field, quantity_field, text_field

CONTENTS = Prefetch("items", queryset=PackageItem.objects.select_related("item__product").order_by("pk"))


class PackageForm(StepForm):
    """The box, the weight and the sides of a package."""

    no_box = "none of ours"
    box_type_id = choice_field("Box", (), required=False)
    packaging_type = choice_field("Packaging", [("", "as the box"), *PackagingType.choices], required=False)
    weight = quantity_field("Weight, kg", min_value=Decimal("0.001"), required=False)
    length = quantity_field("Length, cm", min_value=Decimal("0.01"), decimals=2, required=False, help_text="Empty: as the box.")
    width = quantity_field("Width, cm", min_value=Decimal("0.01"), decimals=2, required=False)
    height = quantity_field("Height, cm", min_value=Decimal("0.01"), decimals=2, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        boxes = [(box.pk, str(box)) for box in BoxType.objects.filter(is_active=True)]
        self.fields["box_type_id"].choices = [("", self.no_box), *boxes]  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        box = self.cleaned_data["box_type_id"]
        return super().arguments() | {"box_type_id": int(box) if box else None}


class _OfPackage(StepForm):
    """One of the packages that there are."""

    package_id = choice_field("Package", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.packages = list(self.row.packages.prefetch_related(CONTENTS))
        self.fields["package_id"].choices = [(row.pk, _named(row)) for row in self.packages]  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"package_id": int(self.cleaned_data["package_id"])}


class MeasureForm(_OfPackage, PackageForm):
    """The scale is held against what goods and box should weigh; a reason lets another weight pass."""

    no_box = "as it is"
    packaging_type = choice_field("Packaging", [("", "as it is"), *PackagingType.choices], required=False)
    weight = quantity_field("Weight, kg", min_value=Decimal("0.001"))
    length = quantity_field("Length, cm", min_value=Decimal("0.01"), decimals=2, required=False, help_text="Empty: as it is, or as the box.")
    weight_reason = text_field("Why that weight", required=False, help_text="Only when it weighs otherwise than it should.")
    field_order = ["package_id", "box_type_id"]

    def tells(self) -> list[str]:
        expected = should_weigh(self.packages)
        return [f"Package {row.sequence_number} should weigh {expected[row.pk]}." for row in self.packages if row.pk in expected]


class MoveForm(StepForm):
    """Goods from one package into another."""

    what = choice_field("Goods", ())
    quantity = quantity_field("How much", required=False, help_text="Empty: all of it.")
    to_package_id = choice_field("Into", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        packages = list(self.row.packages.prefetch_related(CONTENTS))
        self.fields["what"].choices = [  # type: ignore[attr-defined]
            (f"{package.pk}-{part.item_id}", f"{plain(part.real_quantity)} × {part.item.product.sku} in package {package.sequence_number}")
            for package in packages
            for part in package.items.all()
        ]
        self.fields["to_package_id"].choices = [(row.pk, _named(row)) for row in packages]  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        package, item = self.cleaned_data["what"].split("-")
        return {
            "from_package_id": int(package),
            "item_id": int(item),
            "quantity": self.cleaned_data["quantity"],
            "to_package_id": int(self.cleaned_data["to_package_id"]),
        }


class WeighForm(StepForm):
    """What the scale says of weighed goods."""

    item_id = choice_field("Goods", ())
    quantity = quantity_field("What the scale says")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        weighed = [item for item in self.row.items.select_related("product") if item.product.quantity_step % 1]
        self.fields["item_id"].choices = [  # type: ignore[attr-defined]
            (item.pk, f"{item.product.sku}: {plain(item.quantity)} {item.product.base_unit} promised") for item in weighed
        ]

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"item_id": int(self.cleaned_data["item_id"])}


def contents_of(package: Package) -> str:
    """What lies in a package, weighed goods as the scale said."""
    return ", ".join(f"{plain(part.real_quantity)} × {part.item.product.sku}" for part in package.items.all())


def _named(package: Package) -> str:
    return f"{package.sequence_number}: {contents_of(package) or 'empty'}"
