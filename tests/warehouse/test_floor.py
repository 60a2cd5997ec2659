"""The first pages: where `/` leads, the site, the work, the language."""

from __future__ import annotations

import gettext
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import get_resolver
from pytest_django import DjangoAssertNumQueries

from tests.factories.inventory import WarehouseFactory
from warehouse.core.actor import Role

ROOT = Path(__file__).parents[2]
WORK = {"Pick", "Pack", "Put back", "Receive", "Put away", "Move", "Count", "Returns", "Look up"}


def someone(*roles: Role, **more: Any) -> Any:
    user = get_user_model().objects.create_user("ana", **more)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def of(client: Client, user: Any) -> Client:
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def test_the_root_leads_each_to_their_place(client: Client, db: Any) -> None:
    assert client.get("/").url == "/floor/login?next=/"
    assert of(client, someone(Role.PICKER)).get("/").url == "/floor/"
    office = get_user_model().objects.create_user("boss", is_staff=True)
    assert of(client, office).get("/").url == "/admin/"
    for role, place in ((Role.MANAGER, "/admin/"), (Role.RECEIVER, "/admin/"), (Role.PICKER, "/floor/"), (Role.PACKER, "/floor/")):
        office.groups.set(Group.objects.filter(name=role))
        assert client.get("/").url == place  # all of them may look into the admin


def test_one_site_is_chosen_by_itself(client: Client, db: Any) -> None:
    WarehouseFactory(name="The only one")
    WarehouseFactory(name="Closed", is_active=False)
    page = of(client, someone(Role.PICKER)).get("/floor/").content.decode()
    assert "The only one" in page
    assert "?choose" not in page


def test_several_sites_are_chosen_from_and_remembered(client: Client, db: Any) -> None:
    main, shop = WarehouseFactory(name="Main"), WarehouseFactory(name="Shop")
    closed = WarehouseFactory(name="Closed", is_active=False)
    of(client, someone(Role.PICKER, Role.PACKER))
    page = client.get("/floor/").content.decode()
    assert "Where do you work?" in page
    assert "Closed" not in page
    for bad in (str(closed.pk), "", "x", "-1", "9" * 30, "²"):
        client.post("/floor/warehouse", {"warehouse": bad})
        assert "Where do you work?" in client.get("/floor/").content.decode()
    assert client.get("/floor/pick").url == client.get("/floor/pack").url == "/floor/"
    client.post("/floor/warehouse", {"warehouse": shop.pk})
    page = client.get("/floor/").content.decode()
    assert "<h1>Shop</h1>" in page
    assert "?choose" in page
    assert "Main" in client.get("/floor/?choose").content.decode()
    assert main.pk != shop.pk


@pytest.mark.parametrize(
    ("roles", "offered"),
    [
        ([Role.PICKER], {"Pick", "Put back", "Move", "Look up"}),
        ([Role.PACKER], {"Pack", "Look up"}),
        ([Role.RECEIVER], {"Put back", "Receive", "Put away", "Move", "Returns", "Look up"}),
        ([Role.PICKER, Role.PACKER], {"Pick", "Pack", "Put back", "Move", "Look up"}),
        ([Role.AUDITOR], {"Count", "Look up"}),
        ([Role.MANAGER], WORK),
        ([Role.VIEWER], {"Look up"}),
        ([Role.SELLER], set()),
        ([], set()),
    ],
)
def test_everyone_is_offered_their_own_work(
    client: Client, db: Any, roles: list[Role], offered: set[str], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    WarehouseFactory()
    of(client, someone(*roles)).get("/floor/")
    with django_assert_max_num_queries(18):
        page = client.get("/floor/").content.decode()
    assert {name for name in WORK if f"<span>{name}</span>" in page} == offered
    assert bool(offered) != ("There is no work for your role here." in page)


def test_no_site_at_all(client: Client, db: Any) -> None:
    assert "no active warehouse" in of(client, someone(Role.PICKER)).get("/floor/").content.decode()


def test_strangers_are_sent_to_the_sign_in_from_every_screen(client: Client, db: Any) -> None:
    paths = [str(pattern[0][0][0]) for pattern in get_resolver("warehouse.floor").reverse_dict.getlist("pick_task")]
    assert paths == ["pick/%(task_id)s"]
    names = {key for key in get_resolver("warehouse.floor").reverse_dict if isinstance(key, str)}
    for name in names - {"login", "logout", "language"}:
        path = get_resolver("warehouse.floor").reverse_dict[name][0][0][0] % defaultdict(lambda: 1)
        answers = {client.get(f"/floor/{path}").status_code, client.post(f"/floor/{path}").status_code}
        assert answers <= {302, 405}, path
        assert client.get(f"/floor/{path}").status_code == 405 or client.get(f"/floor/{path}").url.startswith("/floor/login")


def test_pages_are_not_kept_and_run_no_script_of_others(client: Client, db: Any) -> None:
    WarehouseFactory()
    for path in ("/floor/login", "/floor/"):
        response = client.get(path)
        page = response.content.decode()
        assert "no-store" in response["Cache-Control"]
        assert "unsafe-inline" not in re.search(r"script-src[^;]*", response["Content-Security-Policy"]).group()  # type: ignore[union-attr]
        assert not re.search(r"<script(?![^>]*src=)", page)
        assert not re.search(r"\son[a-z]+=|https?://(?!www\.w3\.org)", page)
        if path == "/floor/login":
            of(client, someone(Role.PICKER))


@pytest.mark.parametrize(("language", "word"), [("ru", "Отбор"), ("pl", "Kompletacja"), ("en", "Pick")])
def test_languages(client: Client, db: Any, language: str, word: str) -> None:
    WarehouseFactory()
    of(client, someone(Role.PICKER))
    assert client.post("/floor/language", {"language": language, "next": "/floor/"}).url == "/floor/"
    page = client.get("/floor/").content.decode()
    assert f'<html lang="{language}">' in page
    assert word in page


@pytest.mark.parametrize("language", ["ru", "pl"])
def test_every_word_of_the_floor_is_translated(language: str) -> None:
    folder = ROOT / "locale" / language / "LC_MESSAGES"
    with (folder / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    templates = "".join(path.read_text() for path in (ROOT / "templates/floor").rglob("*.html"))
    screens = [*(ROOT / "fulfillment/screens").glob("*.py"), *(ROOT / "inventory/screens").glob("*.py")]
    shared = [ROOT / path for path in ("warehouse/core/screens.py", "warehouse/core/shown.py", "warehouse/accounts/screens.py")]
    code = "".join(path.read_text() for path in [*screens, *shared])
    words = set(re.findall(r"""{% translate ["']([^"']+)["'] %}""", templates)) | set(
        re.findall(r"""\b(?:_|gettext|gettext_lazy)\("([^"]+)"\)""", code)
    )
    assert len(words) > 300
    # The few that are the same word in that language.
    same = {"OK", "PIN"} | ({"cm", "Minus"} if language == "pl" else set())
    assert {word for word in words if catalogue.gettext(word) == word} - same == set()
    assert 'msgstr ""\n\n' not in (folder / "django.po").read_text()
