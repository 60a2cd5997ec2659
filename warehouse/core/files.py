"""Files that the site makes."""

from __future__ import annotations

from django.http import HttpResponse


def file_response(content: bytes, name: str, content_type: str, *, inline: bool = True) -> HttpResponse:
    """A file that a browser shows (or keeps, not `inline`) and no cache does. `name` is ours: ASCII without quotes."""
    kind = "inline" if inline else "attachment"
    headers = {"Content-Disposition": f'{kind}; filename="{name}"', "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type=content_type, headers=headers)
