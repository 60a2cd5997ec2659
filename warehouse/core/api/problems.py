"""Every error as RFC 9457 `application/problem+json`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from math import ceil
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from warehouse.core.errors import BadGateway, DomainError, TooLarge, Unavailable, ValidationFailed
from warehouse.core.partners.errors import PartnerFailure, RetryableFailure

logger = logging.getLogger(__name__)

PROBLEM = "application/problem+json"


class Problem(serializers.Serializer):
    """What went wrong: `code` is stable and for programs, `detail` is for people, `data` and `errors` say what was asked and what there was."""

    type = serializers.CharField(help_text="A URN that names the kind of problem.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The address that was called.", required=False)
    code = serializers.CharField()
    errors = serializers.ListField(child=serializers.DictField(), required=False, help_text="One entry per bad field or short line.")  # type: ignore[assignment]
    data = serializers.DictField(required=False)  # type: ignore[assignment]


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render an error of ours, of DRF, of a partner or of an absent database. Anything else is a bug and becomes a 500 without details elsewhere."""
    headers: dict[str, str] = {}
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.error("The database does not answer: %s", error)
        error = Unavailable("The database does not answer. Repeat the call in a moment.")
        headers["Retry-After"] = "2"
    if isinstance(error, RequestDataTooBig):
        largest = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        error = TooLarge(f"The body has more than the {largest:,} bytes that are read in one call. Split it.", largest=largest)
    if isinstance(error, PartnerFailure):
        error, headers = _of_partner(error)
    if isinstance(error, DomainError):
        body = error.as_problem()
    elif isinstance(error, (exceptions.APIException, Http404, DjangoPermissionDenied)):
        body, headers = _framework_problem(error)
    else:
        return None
    set_rollback()
    body["instance"] = context["request"].get_full_path()
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM)


def _of_partner(failure: PartnerFailure) -> tuple[DomainError, dict[str, str]]:
    """What a call to a partner ended in: later it may succeed, or it will be refused again."""
    if not isinstance(failure, RetryableFailure):
        return BadGateway(str(failure), partner=failure.partner), {}
    wish = {} if failure.retry_after is None else {"Retry-After": str(max(1, ceil(failure.retry_after)))}
    return Unavailable(f"{failure}. Repeat the call later.", partner=failure.partner), wish


def _framework_problem(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    assert isinstance(error, exceptions.APIException)
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    wait = getattr(error, "wait", None)
    if wait:
        headers["Retry-After"] = str(int(wait) + 1)
    errors = list(_field_errors(error.detail)) if isinstance(error, exceptions.ValidationError) else []
    detail = " ".join(f"{e['field']}: {e['detail']}" if e["field"] else e["detail"] for e in errors) or str(error.detail)
    code = ValidationFailed.code if errors else error.default_code
    body: dict[str, Any] = {
        "type": f"urn:wms:error:{code}",
        "title": ValidationFailed.title if errors else HTTPStatus(error.status_code).phrase,
        "status": error.status_code,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = errors
    return body, headers


def _field_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else f"[{key}]" if isinstance(key, int) else str(key)
            joined = f"{path}{name}" if name.startswith("[") else ".".join(part for part in (path, name) if part)
            yield from _field_errors(value, joined)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            inner = f"{path}[{index}]" if isinstance(value, dict | list) and value else path
            if value:
                yield from _field_errors(value, inner)
    else:
        yield {"field": path, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}
