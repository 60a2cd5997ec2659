"""Calling an operation from an HTTP request, once per Idempotency-Key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rest_framework import status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from warehouse.core.actor import Actor
from warehouse.core.api import etag
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
    **kwargs: Any,
) -> Response:
    """Call the operation as the signed-in user and answer with `render(result)`.

    With an `Idempotency-Key` the key, the effect and the answer commit together: the same call gets the first answer again, another body gets 422,
    a call that still runs gets 409. A result that has a `version` is answered with its ETag.
    """
    actor = Actor.of_user(request.user)

    def answer(result: Any) -> dict[str, Any]:
        version = getattr(result, "version", None)
        return {"status": success, "body": json.loads(JSONRenderer().render(render(result)) or "null"), "version": version}

    key = request.headers.get("Idempotency-Key", "").strip().strip('"')
    if key:
        if len(key) > MAX_KEY:
            raise ValidationFailed(f"Idempotency-Key: longer than {MAX_KEY} characters.")
        claim = IdempotencyClaim(actor.name, key, fingerprint_of([request.method, request.path, request.headers.get("If-Match"), request.data]))
        kept = run_once(claim, op, *args, render=answer, actor=actor, **kwargs)
    else:
        kept = answer(op(*args, actor=actor, **kwargs))
    headers = {} if kept["version"] is None else {"ETag": etag(kept["version"])}
    return Response(kept["body"], status=kept["status"], headers=headers)
