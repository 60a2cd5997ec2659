"""Photos of goods that come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inventory.models import Product, Return
from inventory.orchestrator import attach_return_photo, remove_return_item
from tests.factories.inventory import ACTOR, Site
from tests.inventory.returns import JPEG, draft, line, ship
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.core.photos import PHOTO_BYTES

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(20)


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.mark.parametrize(("content", "ending"), [(JPEG, "jpg"), (PNG, "png"), (WEBP, "webp")])
def test_a_photo_is_kept_under_a_name_of_ours(milk: Product, house: Site, media: Path, content: bytes, ending: str) -> None:
    ship(house, (milk, 5))
    document = draft(house, line(milk, 5))

    item = attach_return_photo(document.pk, document.items.get().pk, content, actor=ACTOR, expected_version=1)

    (file,) = [path for path in media.rglob("*") if path.is_file()]
    assert (file.read_bytes(), file.suffix, file.stem.isalnum(), len(file.stem)) == (content, f".{ending}", True, 32)
    assert item.photo.name == str(file.relative_to(media))
    assert Return.objects.get().version == 2


def test_a_new_photo_takes_the_place_of_the_old_one(milk: Product, house: Site, media: Path, django_capture_on_commit_callbacks: Any) -> None:
    ship(house, (milk, 5))
    document = draft(house, line(milk, 5))
    item = document.items.get()
    with django_capture_on_commit_callbacks(execute=True):
        attach_return_photo(document.pk, item.pk, JPEG, actor=ACTOR)
        attach_return_photo(document.pk, item.pk, PNG, actor=ACTOR)
    assert [path.suffix for path in media.rglob("*") if path.is_file()] == [".png"]
    with django_capture_on_commit_callbacks(execute=True):
        remove_return_item(document.pk, item.pk, actor=ACTOR)
    assert [path for path in media.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"RIFF\x00\x00\x00\x00WAVE", b"\xff\xd8\xff" + bytes(PHOTO_BYTES)],
    ids=["nothing", "gif", "svg", "html", "sound", "too large"],
)
def test_what_is_no_photo(milk: Product, house: Site, media: Path, content: bytes) -> None:
    ship(house, (milk, 5))
    document = draft(house, line(milk, 5))

    with pytest.raises(ValidationFailed) as refusal:
        attach_return_photo(document.pk, document.items.get().pk, content, actor=ACTOR)

    assert refusal.value.errors[0]["field"] == "photo"
    assert list(media.iterdir()) == []
    with pytest.raises(NotFound, match="has no line"):
        attach_return_photo(document.pk, 999_999, JPEG, actor=ACTOR)
