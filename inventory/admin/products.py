"""The catalogue: plain forms, whose history Django's log keeps, and the import of a file with a preview."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Field
from django.http import HttpRequest
from import_export.admin import ImportExportMixin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.contrib.import_export.forms import SelectableFieldsExportForm

from inventory.admin.base import StockedProducts
from inventory.admin.export import LimitedExport, SafeResource, SmallFileForm
from inventory.models import Barcode, Product, ShelfLife, StorefrontProduct
from inventory.queries.codes import taken_by_places, taken_by_products
from inventory.queries.product_file import FIELDS
from inventory.services.products import COUNTED_IN, change_product, create_product
from inventory.services.storefronts import change_listing, create_listing, delete_listing
from warehouse.core.actor import Actor
from warehouse.core.admin import RoleTabularInline, actor_of
from warehouse.core.admin_forms import SavedByOperations, values_of
from warehouse.core.errors import DomainError


class ShelfLifeInline(RoleTabularInline):
    model = ShelfLife


class BarcodeForm(forms.ModelForm):
    """A code that a scanner reads as something else already is refused where it is typed."""

    class Meta:
        model = Barcode
        fields = ["code", "kind", "pack_quantity"]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        taken = taken_by_products([code], product_id=self.instance.product_id) | taken_by_places([code])
        if code.upper() in taken:
            raise ValidationError(f"This is {taken[code.upper()]}: one code can't be two things.")
        return code


class BarcodeInline(RoleTabularInline):
    model = Barcode
    form = BarcodeForm


class StorefrontProductInline(RoleTabularInline):
    model = StorefrontProduct
    fields = ["storefront", "external_listing_id", "price", "purchase_price", "currency", "markup_percent"]
    autocomplete_fields = ["storefront"]


class ProductResource(SafeResource):
    """A row per product; the SKU says which, without regard to case."""

    class Meta:
        model = Product
        import_id_fields = ["sku"]
        fields = list(FIELDS)
        export_order = fields
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True
        use_bulk = False

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        self.actor = Actor.of_user(kwargs["user"])
        self.known = {sku.upper(): sku for sku in Product.objects.values_list("sku", flat=True)}

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        """A known SKU keeps its spelling; an empty cell of a column that has a default means the default."""
        sku = str(row.get("sku") or "").strip()
        row["sku"] = self.known.setdefault(sku.upper(), sku)
        for name in self._meta.fields:
            field = cast("Field[Any, Any]", Product._meta.get_field(name))
            if name in row and (row[name] is None or str(row[name]).strip() == "") and field.has_default():
                row[name] = field.get_default()

    def after_init_instance(self, instance: Product, new: bool, row: dict[str, Any], **kwargs: Any) -> None:
        self.before = values_of(instance, self._meta.fields)

    def do_instance_save(self, instance: Product, is_create: bool) -> None:
        """Through the operations, so that a file may do what a form or a program may; what they refuse is said of the row."""
        values = values_of(instance, self._meta.fields)
        try:
            if is_create:
                instance.pk = create_product.inside(values, actor=self.actor).pk
            else:
                changed = {name: value for name, value in values.items() if value != self.before[name]}
                change_product.inside(instance.pk, changed, actor=self.actor)
        except DomainError as error:
            raise ValidationError(error.detail) from None


@admin.register(Product)
class ProductAdmin(LimitedExport, ImportExportMixin, SavedByOperations, StockedProducts):
    create_operation, change_operation = create_product, change_product
    resource_classes = [ProductResource]
    import_form_class = SmallFileForm
    export_form_class = SelectableFieldsExportForm
    list_display = ["sku", "name", "base_unit", "rotation", "tracks_expiry", "min_remaining_days", "is_active"]
    list_filter = [("base_unit", ChoicesDropdownFilter), "is_active", "tracks_expiry", "freezable"]
    search_fields = ["sku", "name", "=barcodes__code"]
    search_help_text = "A SKU, a part of a name, or a barcode"
    inlines = [ShelfLifeInline, BarcodeInline, StorefrontProductInline]
    readonly_fields = ["created_at"]
    fieldsets = [
        (None, {"fields": ["sku", "name", "is_active", "created_at"]}),
        ("Quantities", {"fields": ["base_unit", "quantity_step", "weight_tolerance", "default_low_stock_threshold"]}),
        ("Freshness", {"fields": ["rotation", "tracks_expiry", "min_remaining_days", "freezable"]}),
        ("One unit", {"fields": ["weight", "length", "width", "height"], "classes": ["collapse"]}),
    ]

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> list[str]:
        fixed = sorted(COUNTED_IN) if obj and obj.batches.exists() else []
        return [*self.readonly_fields, *fixed]

    def save_formset(self, request: HttpRequest, form: forms.ModelForm[Product], formset: Any, change: bool) -> None:
        """Lives and listings go through their operations: the goods in stock are judged by the ones, prices are kept and told of the others."""
        if formset.model is StorefrontProduct:
            self._save_listings(actor_of(request), formset)
            return
        if formset.model is not ShelfLife:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)  # says what the history tells
        if formset.has_changed():
            kept = [row.cleaned_data for row in formset.forms if row.cleaned_data and row not in formset.deleted_forms]
            lives = [{name: data[name] for name in ("condition", "phase", "days")} for data in kept]
            change_product.inside(form.instance.pk, {}, shelf_lives=lives, actor=actor_of(request))

    def _save_listings(self, actor: Actor, formset: Any) -> None:
        formset.save(commit=False)
        for page in formset.deleted_objects:
            delete_listing.inside(page.pk, actor=actor)
        for page, names in formset.changed_objects:
            change_listing.inside(page.pk, values_of(page, names), actor=actor)
        for page in formset.new_objects:
            page.pk = create_listing.inside(values_of(page, ["product", *StorefrontProductInline.fields]), actor=actor).pk
