"""Pages that neither count nor skip: as fast on the last page as on the first, and right while rows come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import F, Field, Model, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from warehouse.core.errors import ValidationFailed

SALT = "wms.api.cursor"
NOTHING = Q(pk__in=[])


class KeysetPagination(BasePagination):
    """Pages by the values of the last row, in any order that the queryset has; the primary key breaks ties. Nulls come last, as PostgreSQL has them."""

    page_size = 50
    max_page_size = 500

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.url = request.build_absolute_uri()
        size = self._size(request)
        self.ordering = ordering_of(queryset)
        backwards, values = self._position(request, queryset.model)
        ordering = [_turned(name) for name in self.ordering] if backwards else self.ordering
        if values is not None:
            queryset = queryset.filter(_beyond(queryset.model, ordering, values, nulls_first=backwards))
        order = [_expression(queryset.model, name, nulls_first=backwards) for name in ordering]
        rows = list(queryset.order_by(*order)[: size + 1])
        more = len(rows) > size
        self.page = rows[:size]
        if backwards:
            self.page.reverse()
        self.has_next = bool(self.page) and (more or backwards)
        self.has_previous = bool(self.page) and (more if backwards else values is not None)
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "next": self._link(self.page[-1], backwards=False) if self.has_next else None,
                "previous": self._link(self.page[0], backwards=True) if self.has_previous else None,
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "nullable": True, "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {"name": "cursor", "in": "query", "required": False, "description": "From `next` or `previous`.", "schema": {"type": "string"}},
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": "Rows per page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size},
            },
        ]

    def _size(self, request: Request) -> int:
        text = request.query_params.get("page_size")
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= self.max_page_size):
            raise ValidationFailed(
                f"page_size: {text[:20]!r} is no number from 1 to {self.max_page_size}.", errors=[{"field": "page_size", "code": "invalid"}]
            )
        return int(text)

    def _position(self, request: Request, model: type[Model]) -> tuple[bool, list[Any] | None]:
        text = request.query_params.get("cursor")
        if not text:
            return False, None
        try:
            backwards, ordering, texts = signing.loads(text, salt=SALT)
            if ordering != self.ordering:
                raise ValidationFailed("cursor: it belongs to another ordering.", errors=[{"field": "cursor", "code": "invalid"}])
            return backwards, [
                None if text is None else _fields(model, name)[-1].to_python(text) for name, text in zip(self.ordering, texts, strict=True)
            ]
        except (signing.BadSignature, ValidationError):
            raise ValidationFailed("cursor: send it as you got it.", errors=[{"field": "cursor", "code": "invalid"}]) from None

    def _link(self, row: Model, *, backwards: bool) -> str:
        values = [_value(row, name) for name in self.ordering]
        texts = [None if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value) for value in values]
        cursor = signing.dumps([backwards, self.ordering, texts], salt=SALT)
        return replace_query_param(remove_query_param(self.url, "cursor"), "cursor", cursor)


def ordering_of(queryset: QuerySet[Any]) -> list[str]:
    """The queryset's own ordering as names of columns, made total by the primary key (in the direction of the first)."""
    names: Sequence[Any] = queryset.query.order_by or queryset.model._meta.ordering or ["-pk"]
    assert all(isinstance(name, str) for name in names), "Pages need an ordering by names."
    if not any(name.lstrip("-") == "pk" for name in names):
        names = [*names, "-pk" if names[0].startswith("-") else "pk"]
    return list(names)


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _expression(model: type[Model], name: str, *, nulls_first: bool) -> Any:
    """Only where there can be a null is its place said: else an index in the default order could not serve."""
    column = F(name.removeprefix("-"))
    nulls = {"nulls_first" if nulls_first else "nulls_last": True} if _nullable(model, name) else {}
    return column.desc(**nulls) if name.startswith("-") else column.asc(**nulls)


def _beyond(model: type[Model], ordering: Sequence[str], values: Sequence[Any], *, nulls_first: bool) -> Q:
    """What comes after these values: (a beyond) or (a equal and b beyond) or …; with a bound on the first column that an index can use."""
    result = NOTHING
    equal = Q()
    for name, value in zip(ordering, values, strict=True):
        column, comparison = name.removeprefix("-"), "lt" if name.startswith("-") else "gt"
        if value is None:
            further = Q(**{f"{column}__isnull": False}) if nulls_first else NOTHING
            same = Q(**{f"{column}__isnull": True})
        else:
            further = Q(**{f"{column}__{comparison}": value})
            if _nullable(model, name) and not nulls_first:
                further |= Q(**{f"{column}__isnull": True})
            same = Q(**{column: value})
        result |= equal & further
        equal &= same
    first, value = ordering[0], values[0]
    if value is None or (_nullable(model, first) and not nulls_first):
        return result
    return Q(**{f"{first.removeprefix('-')}__{'lte' if first.startswith('-') else 'gte'}": value}) & result


def _fields(model: type[Model], name: str) -> list[Field[Any, Any]]:
    """The fields on the way to a column, the column's own last."""
    fields: list[Any] = []
    for part in name.removeprefix("-").split("__"):
        field: Any = model._meta.pk if part == "pk" else model._meta.get_field(part)
        fields.append(field)
        model = field.related_model if field.is_relation else model
    return fields


def _nullable(model: type[Model], name: str) -> bool:
    return any(field.null for field in _fields(model, name))


def _value(row: Any, name: str) -> Any:
    *way, last = _fields(type(row), name)
    for field in way:
        row = getattr(row, field.name)
    return getattr(row, last.attname)
