"""What a body may look like: the shape only. Whether it makes sense is judged by the operation, under its locks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from warehouse.core.errors import ValidationFailed
from warehouse.core.moments import EARLIEST_YEAR, LATEST_YEAR, can_be_meant
from warehouse.core.quantities import parse_quantity

BIGGEST_ID = 2**63 - 1


class StrictJSONParser(JSONParser):
    """JSON that a database can keep: no lone surrogates, no NUL."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("JSON parse error: it is nested too deep.") from None
        try:
            text = json.dumps(data, ensure_ascii=False)
            text.encode()
        except (UnicodeEncodeError, RecursionError):
            raise ParseError("JSON parse error: a text is no valid Unicode.") from None
        if "\\u0000" in text:
            raise ParseError("JSON parse error: a text has a NUL character.")
        return data


class Input(serializers.Serializer):
    """A body. A field that it does not have is refused rather than ignored: it is a typing error, or a wish that nobody would fulfil."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                known = ", ".join(self.fields) or "none"
                raise serializers.ValidationError(
                    {name: [serializers.ErrorDetail(f"There is no such field; known: {known}.", code="unknown_field")] for name in unknown}
                )
        return super().to_internal_value(data)


def by_id(items: Iterable[Mapping[str, Any]], key: str, value: str, field: str) -> dict[int, Any]:
    """The values of a list's entries by the ids in them, without those that have no such value. Raises ValidationFailed (`duplicate`) naming every entry
    whose id stood there before: of two values neither is lost in silence."""
    entries = list(items)
    ids = [entry[key] for entry in entries]
    twice = [number for number, pk in enumerate(ids) if pk in ids[:number]]
    if twice:
        raise ValidationFailed(
            f"{field}: {', '.join(str(pk) for pk in sorted({ids[number] for number in twice}))} stands there twice. Name each {key} once.",
            errors=[{"field": f"{field}[{number}].{key}", "code": "duplicate", "asked": ids[number]} for number in twice],
        )
    return {entry[key]: entry[value] for entry in entries if value in entry}


class Nothing(Input):
    """A step that needs no words."""


class Reason(Input):
    reason = serializers.CharField(max_length=200)


@extend_schema_field({"oneOf": [{"type": "string", "format": "decimal", "example": "2.500"}, {"type": "number", "format": "double"}]})
class QuantityField(serializers.Field):
    """An exact quantity, better sent as a string; to a thousandth, greater than zero unless `zero_allowed`."""

    def __init__(self, *, zero_allowed: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.zero_allowed = zero_allowed

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, (str, int, float)):
            raise serializers.ValidationError("It is not a number.", code="invalid_quantity")
        try:
            return parse_quantity(data, field=self.field_name or "quantity", zero_allowed=self.zero_allowed)
        except ValidationFailed as error:
            raise serializers.ValidationError(error.detail.removeprefix(f"{self.field_name}: "), code="invalid_quantity") from None

    def to_representation(self, value: Decimal) -> str:
        return str(value)


class IdField(serializers.IntegerField):
    """The number of a row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=BIGGEST_ID, **kwargs)


class MomentField(serializers.DateTimeField):
    """A moment within living memory; without an offset it is UTC."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if not can_be_meant(value):
            raise serializers.ValidationError(f"The year must be from {EARLIEST_YEAR} to {LATEST_YEAR}.", code="out_of_range")
        return super().enforce_timezone(value)


class DayField(serializers.DateField):
    """A day within living memory."""

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not can_be_meant(day):
            raise serializers.ValidationError(f"The year must be from {EARLIEST_YEAR} to {LATEST_YEAR}.", code="out_of_range")
        return day


class CodeField(serializers.CharField):
    """A name of something for programs: a code, a SKU, a listing. Numbers are read as their digits."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 64)
        super().__init__(**kwargs)
