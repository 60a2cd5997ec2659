"""What the plain lists of the catalogue share: made and changed by the operations of their noun."""

from __future__ import annotations

from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from warehouse.core.api.inputs import Input
from warehouse.core.api.versions import content_etag, etag, if_match
from warehouse.outbox.http import ReadEndpoints


class ModelInput(Input, serializers.ModelSerializer):
    """The body of a row; what it does not have is refused."""

    @property
    def values(self) -> dict[str, Any]:
        """What was asked for, as an operation takes it: rows by their ids."""
        return values_of(self.validated_data)


def values_of(data: dict[str, Any]) -> dict[str, Any]:
    """Values by field, with the rows among them by their ids."""
    return {f"{name}_id" if isinstance(value, models.Model) else name: getattr(value, "pk", value) for name, value in data.items()}


class CatalogueEndpoints(ReadEndpoints):
    """A list of the catalogue. Its ETag is the version, or a digest of what can be changed. `parts` are values that the operation takes by name."""

    http_method_names = ["get", "head", "post", "patch"]
    described = frozenset({"create", "partial_update", "destroy"})
    parts: tuple[str, ...] = ()

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add one."""
        values = self.asked(self.inputs["create"](data=request.data))
        return self.run(values, **self.taken(values))

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what the body names; If-Match is demanded."""
        tag = if_match(request, required=True)
        row = self.get_object()
        if not self.version_field and tag != "*":
            kwargs = {"same": lambda locked: tag == self.tag(self.show(locked))}
        else:
            kwargs = {}
        values = self.asked(self.inputs["partial_update"](row, data=request.data, partial=True))
        return self.run(row.pk, values, **self.taken(values), **kwargs)

    @staticmethod
    def asked(body: Any) -> dict[str, Any]:
        """The values of a valid body."""
        body.is_valid(raise_exception=True)
        return dict(body.values)

    def taken(self, values: dict[str, Any]) -> dict[str, Any]:
        """The parts, taken out of the values."""
        return {name: values.pop(name) for name in self.parts if name in values}

    def tag(self, body: Any) -> str | None:
        if self.version_field:
            return etag(body[self.version_field])
        names = self.inputs["partial_update"]().fields
        return content_etag({name: body[name] for name in names})


class DeletableEndpoints(CatalogueEndpoints):
    """One whose rows may go."""

    http_method_names = ["get", "head", "post", "patch", "delete"]

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take it out."""
        self.operations["destroy"](self.get_object().pk, actor=self.actor)
        return Response(status=204)
