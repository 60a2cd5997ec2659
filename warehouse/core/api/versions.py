"""Conditional requests: which version somebody has read, and which one a change is based on."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from warehouse.core.errors import ValidationFailed, VersionRequired

_OURS = re.compile(r'(?:W/)?"?([0-9]{1,10})"?')


def etag(version: int) -> str:
    """The ETag of a row of this version."""
    return f'"{version}"'


def content_etag(body: Any) -> str:
    """The ETag of what has no version: a digest of what is shown."""
    return f'"{hashlib.sha256(JSONRenderer().render(body)).hexdigest()[:20]}"'


def expected_version(request: Request, *, required: bool = False) -> int | None:
    """The version that `If-Match` names, or None when there is no such header or it is `*`.

    Raises VersionRequired (428) when it is missing but demanded, ValidationFailed when it is not one of our ETags.
    """
    header = if_match(request, required=required)
    if header is None or header == "*":
        return None
    match = _OURS.fullmatch(header)
    if match is None:
        raise ValidationFailed(f"If-Match: {header[:40]!r} is not an ETag of ours; send back the ETag that you have read.")
    return int(match[1])


def if_match(request: Request, *, required: bool = False) -> str | None:
    """The header as it came, or None. Raises VersionRequired (428) when it is missing but demanded."""
    header = request.headers.get("If-Match", "").strip()
    if not header and required:
        raise VersionRequired("Send If-Match with the ETag of the version that your change is based on.")
    return header or None


def as_json(data: Any) -> str:
    """What a serializer gives, as JSON."""
    return JSONRenderer().render(data).decode() or "null"
