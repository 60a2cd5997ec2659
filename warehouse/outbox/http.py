"""Calling an operation from an HTTP request, once per Idempotency-Key; and the endpoints that do."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from warehouse.core.actor import Actor, Role
from warehouse.core.api.auth import actor_of
from warehouse.core.api.inputs import Input, Nothing
from warehouse.core.api.versions import as_json, etag, expected_version
from warehouse.core.errors import ValidationFailed
from warehouse.core.transactions import Operation, run_once
from warehouse.outbox.claims import IdempotencyClaim, fingerprint_of

MAX_KEY = 255


def perform(
    request: Request,
    op: Operation[..., Any],
    /,
    *args: Any,
    render: Callable[[Any], Any],
    success: int = status.HTTP_200_OK,
    tag: Callable[[Any], str | None] = lambda body: None,
    **kwargs: Any,
) -> Response:
    """Call the operation as the signed-in user and answer with `render(result)`, and with the ETag that `tag` finds in it.

    With an `Idempotency-Key` the key, the effect and the answer commit together: the same call gets the first answer again, another body gets 422,
    a call that still runs gets 409.
    """
    actor = actor_of(request)

    def answer(result: Any) -> dict[str, Any]:
        text = as_json(render(result))
        # As text: JSONB would not keep the order of the fields, and a repetition is to get the same answer.
        return {"status": success, "body": text, "etag": tag(json.loads(text))}

    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    if key:
        if len(key) > MAX_KEY:
            raise ValidationFailed(f"Idempotency-Key: longer than {MAX_KEY} characters.")
        call = [request.method, request.path.rstrip("/"), request.headers.get("If-Match"), request.data]
        kept = run_once(IdempotencyClaim(actor.name, key, fingerprint_of(call)), op, *args, render=answer, actor=actor, **kwargs)
    else:
        kept = answer(op(*args, actor=actor, **kwargs))
    return Response(json.loads(kept["body"]), status=kept["status"], headers={"ETag": kept["etag"]} if kept["etag"] else {})


class Endpoints(GenericViewSet):
    """A resource: what it shows, which operation each action calls, what a body looks like.

    `operations`, `inputs` and `outputs` go by action; `rows` is the queryset with all that the serializer shows. Whom it shows what, decide the table of
    `warehouse.core.access` (by `shows`), `programs_read`, and `visible`.
    """

    rows: QuerySet[Any]
    programs_read: bool = True
    readers: frozenset[Role] = frozenset()
    operations: Mapping[str, Operation[..., Any]] = {}
    inputs: Mapping[str, type[Input]] = {}
    outputs: Mapping[str, Any] = {}
    created: Mapping[str, int] = {"create": status.HTTP_201_CREATED}
    parameters: Mapping[str, Sequence[Any]] = {}
    described: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset({"list"})
    orderings: Mapping[str, str] = {}
    version_field: str = ""
    lookup_value_regex = "[0-9]{1,18}"
    metadata_class = None
    http_method_names = ["get", "head", "post", "patch", "delete"]

    @property
    def shows(self) -> str:
        """The model whose readers may read this, as `app.model`."""
        return self.rows.model._meta.label_lower

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        return self.visible(self.rows.all())

    def visible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """What of it the caller may see."""
        return rows

    def body(self) -> dict[str, Any]:
        """The validated body of this action."""
        serializer = self.inputs.get(self.action, Nothing)(data=self.request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def run(self, *args: Any, render: Callable[[Any], Any] | None = None, **kwargs: Any) -> Response:
        """Call the operation of this action and show the row that it returns, read again with all that is shown of it."""
        op = self.operations[self.action]
        required = self.request.method == "PATCH"
        if self.takes_version(op):
            kwargs["expected_version"] = expected_version(self.request, required=required)
        elif "If-Match" in self.request.headers and not required:
            raise ValidationFailed(
                "If-Match: this step is not conditional. Leave the header out.", errors=[{"field": "If-Match", "code": "unsupported"}]
            )
        success = self.created.get(self.action, status.HTTP_200_OK)
        return perform(self.request, op, *args, render=render or self.show, success=success, tag=self.tag, **kwargs)

    def show(self, row: Any) -> Any:
        """What is answered of a changed row."""
        return self.serializer_class(self.rows.get(pk=row.pk), context=self.get_serializer_context()).data  # type: ignore[misc]

    @staticmethod
    def takes_version(op: Operation[..., Any]) -> bool:
        return "expected_version" in inspect.signature(op.function).parameters

    def tag(self, body: Any) -> str | None:
        """The ETag of what is shown, when it shows a version."""
        version = body.get(self.version_field) if self.version_field and isinstance(body, dict) else None
        return None if version is None else etag(version)


class ReadEndpoints(ListModelMixin, RetrieveModelMixin, Endpoints):
    """A resource that is listed and read."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One of them, with its ETag."""
        body = json.loads(as_json(self.get_serializer(self.get_object()).data))
        found = self.tag(body)
        return Response(body, headers={"ETag": found} if found else {})
