"""Filters that refuse what they do not know: a mistyped filter must not show everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from django.db.models import Model, QuerySet
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.filters import BaseFilterBackend, SearchFilter
from rest_framework.request import Request

from warehouse.core.errors import ValidationFailed
from warehouse.core.moments import EARLIEST_YEAR, LATEST_YEAR, can_be_meant

COMMON = {"cursor", "page_size"}
SEVERAL = 1000


class _MomentField(IsoDateTimeField):
    def clean(self, value: Any) -> Any:
        moment = super().clean(value)
        if moment is not None and not can_be_meant(moment):
            raise forms.ValidationError(f"The year must be from {EARLIEST_YEAR} to {LATEST_YEAR}.", code="out_of_range")
        return moment


class MomentFilter(django_filters.IsoDateTimeFilter):
    """A moment within living memory."""

    field_class = _MomentField


class StrictFilters(DjangoFilterBackend):
    """django-filter, with unknown parameters refused."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset_class(view, queryset)
        known = {*COMMON, *(filterset.base_filters if filterset else ())}
        known |= {"ordering"} if getattr(view, "orderings", {}) else set()
        known |= {"search"} if getattr(view, "search_fields", ()) else set()
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise ValidationFailed(
                f"There is no filter {', '.join(name[:40] for name in unknown)}; known: {', '.join(sorted(known))}.",
                errors=[{"field": name[:40], "code": "unknown_filter"} for name in unknown],
            )
        return super().filter_queryset(request, queryset, view)


class NamedOrdering(BaseFilterBackend):
    """`ordering=name` or `-name`, several separated by commas, of those that the view names (`orderings`: name → column)."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        names = [name.strip() for name in request.query_params.get("ordering", "").split(",") if name.strip()]
        orderings: Mapping[str, str] = getattr(view, "orderings", {})
        columns = []
        for name in names:
            column = orderings.get(name.removeprefix("-"))
            if column is None:
                raise ValidationFailed(
                    f"ordering: {name[:40]!r} is none of {', '.join(sorted(orderings))}.", errors=[{"field": "ordering", "code": "invalid"}]
                )
            columns.append(f"-{column}" if name.startswith("-") else column)
        return queryset.order_by(*columns) if columns else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        orderings = getattr(view, "orderings", {})
        if not orderings:
            return []
        values = [sign + name for name in sorted(orderings) for sign in ("", "-")]
        description = "Several are separated by commas; `-` turns one round."
        schema = {"type": "array", "items": {"type": "string", "enum": values}}
        return [
            {"name": "ordering", "in": "query", "required": False, "description": description, "explode": False, "style": "form", "schema": schema}
        ]


class Search(SearchFilter):
    """`search=words` in the view's `search_fields`, which are those of another model where the view says so (`search_in`: the way there, the model)."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        path, model = getattr(view, "search_in", (None, None))
        if path is None or model is None or not self.get_search_terms(request):
            return super().filter_queryset(request, queryset, view)
        found = super().filter_queryset(request, model._default_manager.order_by(), view)
        return queryset.filter(**{f"{path}__in": found.values("pk")})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        if not getattr(view, "search_fields", ()):
            return []
        names = ", ".join(name.lstrip("^=@$").replace("__", " ") for name in view.search_fields)
        return [{"name": "search", "in": "query", "required": False, "description": f"Words to find in {names}.", "schema": {"type": "string"}}]


class TextFilter(django_filters.CharFilter):
    """A filter by a name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, max_length=120, **kwargs)


@extend_schema_field(str)
class NamedRowFilter(TextFilter):
    """A filter by the name of another row, which is looked up first: so a big table is searched by its own index, not by a join.

    Rows of the same name in other places are not looked for where another filter names the place (`within`: that filter → lookup): the rows of one id are
    read newest first by an index, those of several are not.
    """

    def __init__(self, model: type[Model], lookup: str, column: str, *, within: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.named, self.lookup, self.column, self.within = model, lookup, column, within or {}

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        given = {lookup: self.parent.form.cleaned_data.get(name) for name, lookup in self.within.items()}
        wanted = {self.lookup: value} | {lookup: named for lookup, named in given.items() if named}
        ids = list(self.named._default_manager.filter(**wanted).values_list("pk", flat=True)[:SEVERAL])
        return qs.filter(**{self.column: ids[0]} if len(ids) == 1 else {f"{self.column}__in": ids}) if ids else qs.none()
