"""What every endpoint shares: problems, pages, versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import exceptions, pagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from warehouse.core.errors import DomainError, ValidationFailed, VersionRequired

PROBLEM = "application/problem+json"


class CursorPagination(pagination.CursorPagination):
    """Pages that neither count nor skip: as fast on the last page as on the first."""

    ordering = "-id"
    page_size_query_param = "page_size"
    max_page_size = 500


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render every error as RFC 9457 `application/problem+json`. What is none of ours and none of DRF's becomes a 500 elsewhere."""
    headers: dict[str, str] = {}
    if isinstance(error, DomainError):
        body = error.as_problem()
    elif isinstance(error, (exceptions.APIException, Http404, DjangoPermissionDenied)):
        body, headers = _framework_problem(error)
    else:
        return None
    set_rollback()
    body["instance"] = context["request"].get_full_path()
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM)


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
    detail = "; ".join(f"{e['field']}: {e['detail']}" if e["field"] else e["detail"] for e in errors) or str(error.detail)
    code = ValidationFailed.code if errors else error.default_code
    body: dict[str, Any] = {
        "type": f"urn:wms:error:{code}",
        "title": ValidationFailed.title if errors else str(error.default_detail),
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
            name = "" if key == "non_field_errors" else str(key)
            yield from _field_errors(value, ".".join(part for part in (path, name) if part))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            inner = f"{path}[{index}]" if isinstance(value, dict | list) and value else path
            if value:
                yield from _field_errors(value, inner)
    else:
        yield {"field": path, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}


def etag(version: int) -> str:
    """The ETag of a row of this version."""
    return f'"{version}"'


def expected_version(request: Request, *, required: bool = False) -> int | None:
    """The version that `If-Match` names, or None when there is no such header or it is `*`.

    Raises VersionRequired (428) when it is missing but demanded, ValidationFailed when it is not one of our ETags.
    """
    header = request.headers.get("If-Match", "").strip()
    if not header:
        if required:
            raise VersionRequired("Send If-Match with the ETag of the version that your change is based on.")
        return None
    if header == "*":
        return None
    text = header.removeprefix("W/").strip('"')
    if not text.isdigit():
        raise ValidationFailed(f"If-Match: {header[:40]!r} is not an ETag of ours; send back the ETag that you have read.")
    return int(text)
