"""Photos that people take of goods: what is taken for one, how it is kept and shown."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.http import FileResponse

from warehouse.core.errors import NotFound, ValidationFailed

PHOTO_BYTES = 10 * 1024 * 1024
IMAGES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
# A picture is shown, never run, whatever is in it.
_HARMLESS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private, no-store"}


def photo_kind(content: bytes) -> str:
    """`jpg`, `png` or `webp` by the first bytes. Raises ValidationFailed for anything else, for nothing, and for what is too large."""
    if len(content) > PHOTO_BYTES:
        raise ValidationFailed(
            f"The photo has {len(content)} bytes; {PHOTO_BYTES} are the most.", errors=[{"field": "photo", "code": "too_large", "most": PHOTO_BYTES}]
        )
    if content.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    raise ValidationFailed("The photo is no JPEG, PNG or WebP.", errors=[{"field": "photo", "code": "invalid_image"}])


def keep_photo(row: Any, content: bytes) -> None:
    """Keep the photo in the `photo` of a row whose document is locked, instead of one that it has. Raises ValidationFailed as `photo_kind`.

    The file gets a name of ours; what the sender called it is not looked at. It is written before the commit: a failure leaves a file without a row, never
    a row without a file.
    """
    kind = photo_kind(content)
    before, storage = row.photo.name, row.photo.storage
    row.photo.save(f"{uuid.uuid4().hex}.{kind}", ContentFile(content), save=False)
    row.save(update_fields=["photo"])
    if before:
        transaction.on_commit(lambda: storage.delete(before))


def photo_response(row: Any) -> FileResponse:
    """The photo of a row, to be looked at only. Raises NotFound when there is no row, no photo, or no file."""
    name = row.photo.name if row is not None else None
    if not name or not row.photo.storage.exists(name):
        raise NotFound("There is no such photo.")
    ending = name.rpartition(".")[2]
    return FileResponse(row.photo.open(), content_type=IMAGES[ending], filename=f"line-{row.pk}.{ending}", headers=_HARMLESS)
