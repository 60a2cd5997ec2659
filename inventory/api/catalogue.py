"""What the plain lists of the catalogue share: made and changed as they are, each in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, models, transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from warehouse.core.actor import Actor, Role
from warehouse.core.api.inputs import Input
from warehouse.core.api.versions import content_etag, etag, if_match
from warehouse.core.errors import Conflict, StaleVersion
from warehouse.core.locking import lock_row
from warehouse.core.transactions import Operation, operation
from warehouse.outbox.http import ReadEndpoints


class ModelInput(Input, serializers.ModelSerializer):
    """The body of a row; what it does not have is refused."""


def create_row(serializer: serializers.ModelSerializer, *, actor: Actor) -> models.Model:
    """Add it. Raises Conflict when somebody was faster with the same code."""
    return _saved(serializer)


def update_row(endpoints: CatalogueEndpoints, pk: int, tag: str | None, *, actor: Actor) -> models.Model:
    """Change what the body names. Raises StaleVersion when the row is not the one that the caller has read."""
    row: Any = lock_row(endpoints.rows.model, pk)
    if tag not in ("*", endpoints.tag(endpoints.show(row))):
        raise StaleVersion("This was changed meanwhile. Read it again and repeat.")
    serializer: Any = endpoints.inputs["partial_update"](row, data=endpoints.request.data, partial=True)
    serializer.is_valid(raise_exception=True)
    if hasattr(row, "version"):
        row.version += 1
    return _saved(serializer)


def delete_row(model: type[models.Model], pk: int, *, actor: Actor) -> None:
    """Take it out. Raises Conflict when something depends on it."""
    row = lock_row(model, pk)
    try:
        row.delete()
    except models.ProtectedError as error:
        raise Conflict(f"{row} is in use.", kind=model._meta.model_name, id=pk) from error


def _saved(serializer: Any) -> models.Model:
    try:
        with transaction.atomic():
            row: models.Model = serializer.save()
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
        said = {constraint.name: constraint.get_violation_error_message() for constraint in serializer.Meta.model._meta.constraints}
        raise Conflict(str(said.get(name, "Another one is called the same, or what it names was removed meanwhile.")), constraint=name) from error
    return row


def writers(*roles: Role) -> dict[str, Operation[..., Any]]:
    """The operations of a catalogue list, by action, for these roles and managers."""
    functions: dict[str, Callable[..., Any]] = {"create": create_row, "partial_update": update_row, "destroy": delete_row}
    operations = {action: operation(*roles)(function) for action, function in functions.items()}
    for each in operations.values():
        each.name = "change this list"
    return operations


class CatalogueEndpoints(ReadEndpoints):
    """A list of the catalogue. Its ETag is the version, or a digest of what can be changed."""

    http_method_names = ["get", "head", "post", "patch"]
    described = frozenset({"create", "partial_update", "destroy"})

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add one."""
        serializer = self.inputs["create"](data=request.data)
        serializer.is_valid(raise_exception=True)
        return self.run(serializer)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change what the body names; If-Match is demanded."""
        return self.run(self.get_object().pk, if_match(request, required=True))

    def run(self, *args: Any, **kwargs: Any) -> Response:
        if self.action == "partial_update":
            args = (self, *args)
        return super().run(*args, **kwargs)

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
        self.operations["destroy"](self.rows.model, self.get_object().pk, actor=self.actor)
        return Response(status=204)
