"""What inventory's pages share: a seller sees only the rows of its own sites, and the forms of the catalogue are saved by operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.contrib.filters.admin import RelatedDropdownFilter

from inventory.models import Warehouse
from inventory.queries.stock import stocked_by, visible_to
from warehouse.core.actor import Actor
from warehouse.core.admin import RoleAdmin, actor_of
from warehouse.core.errors import DomainError
from warehouse.core.transactions import Operation, StartAgain


class SiteRows(RoleAdmin):
    """Rows that belong to a site; `site_path` leads to it ("" for the sites themselves)."""

    site_path = "warehouse"

    def scope(self, rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
        return visible_to(rows, actor, warehouse=self.site_path)


class SiteFilter(RelatedDropdownFilter):
    """By site, of those that the reader may see: to a seller the others have no names."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        sites = visible_to(Warehouse.objects.all(), actor_of(request), warehouse="")
        return [(site.pk, str(site)) for site in sites]


class StockedProducts(RoleAdmin):
    """The catalogue: a seller sees what it has, or had, in stock."""

    def scope(self, rows: QuerySet[Any], actor: Actor) -> QuerySet[Any]:
        return stocked_by(rows, actor)


class RefusalsSaid(RoleAdmin):
    """A form that is saved by operations: what they refuse is said on the page."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page; what an operation refuses is said, and nothing of the form is saved."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            messages.error(request, error.detail)
        except StartAgain:
            messages.error(request, "Stock was updated concurrently, please retry.")
        return HttpResponseRedirect(request.get_full_path())


class SavedByOperations(RefusalsSaid):
    """A form of the catalogue. What it changes goes through the operations of the noun, which join the page's transaction."""

    create_operation: Operation[..., Any]
    change_operation: Operation[..., Any]

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm[Any], change: bool) -> None:
        if change:
            values = values_of(obj, form.changed_data)
            if values:
                self.change_operation.inside(obj.pk, values, actor=actor_of(request))
        else:
            obj.pk = self.create_operation.inside(values_of(obj, form.cleaned_data), actor=actor_of(request)).pk
            obj._state.adding = False
        obj.refresh_from_db()


def values_of(row: Model, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a row as an operation takes them: other rows by their ids."""
    wanted = set(names)
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name in wanted}
