"""The back office as a whole: who gets in, what each role sees, and what its pages may run."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.factories.office import clerk, listing, office, page
from warehouse.accounts.models import User
from warehouse.core.access import ACCESS, may
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.floor import WORK

pytestmark = pytest.mark.django_db

REGISTERED = {model._meta.label_lower: model for model in admin.site._registry}
VERBS = ("view", "add", "change", "delete")


def test_every_registered_page_is_in_the_table_of_roles() -> None:
    assert set(REGISTERED) <= set(ACCESS)


def test_nobody_in_the_table_may_touch_what_operations_write() -> None:
    written_by_operations = {
        "inventory.batch", "inventory.batchlocation", "inventory.stock", "inventory.movement", "inventory.reservation", "inventory.reservationitem",
        "fulfillment.order", "fulfillment.orderline", "fulfillment.pickingtask", "fulfillment.packingtask", "fulfillment.shipment",
        "fulfillment.putback", "fulfillment.labelprint", "outbox.outboxevent", "outbox.subscription", "outbox.inboxentry", "outbox.idempotencykey",
    }  # fmt: skip
    manager = Actor.system("all")
    for label in written_by_operations:
        assert [verb for verb in VERBS if may(manager, verb, label)] == ["view"], label


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.MANAGER, set(REGISTERED)),
        (
            Role.RECEIVER,
            {
                "inventory.product", "inventory.storefrontproduct", "inventory.discount", "inventory.supplier", "inventory.warehouse",
                "inventory.location", "inventory.batch", "inventory.batchlocation", "inventory.mixedbatch", "inventory.stock",
                "inventory.receiving", "inventory.transfer", "inventory.writeoff", "inventory.return", "inventory.alert", "fulfillment.putback",
                "inventory.countrequest",
            },
        ),
        (
            Role.PICKER,
            {
                "inventory.product", "inventory.storefrontproduct", "inventory.discount", "inventory.warehouse", "inventory.location", "inventory.batch",
                "inventory.batchlocation", "inventory.mixedbatch", "inventory.stock", "inventory.reservation", "inventory.countrequest",
                "fulfillment.order", "fulfillment.pickingtask", "fulfillment.pickingbatch", "fulfillment.wave", "fulfillment.walksettings",
                "fulfillment.putback",
            },
        ),
        (
            Role.PACKER,
            {
                "inventory.product", "inventory.storefrontproduct", "inventory.discount", "inventory.warehouse", "inventory.location", "inventory.batch",
                "inventory.batchlocation", "inventory.mixedbatch", "inventory.stock", "fulfillment.order", "fulfillment.packingtask", "fulfillment.shipment",
                "fulfillment.putback", "fulfillment.deliveryprovider", "fulfillment.printer", "fulfillment.labelprint", "fulfillment.boxtype",
                "fulfillment.qualitycheck", "fulfillment.qualityrule",
            },
        ),
        (Role.SELLER, {"inventory.product", "inventory.warehouse", "inventory.location", "inventory.batchlocation", "inventory.stock", "inventory.movement",
            "inventory.alert", "inventory.offlinesale", "inventory.writeoff"}),
    ],
)  # fmt: skip
def test_a_role_opens_its_lists_and_no_other(role: Role, seen: set[str]) -> None:
    client = office(role)
    answers = {label: client.get(listing(model)).status_code for label, model in REGISTERED.items()}
    assert {label for label, code in answers.items() if code == 200} == seen
    assert set(answers.values()) <= {200, 403}


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.VIEWER])
def test_auditors_and_viewers_read_the_business_and_add_nothing_but_counts(role: Role) -> None:
    client = office(role)
    hidden = {"inventory.seller", "accounts.user", "knox.authtoken", "axes.accessattempt"}
    for label, model in REGISTERED.items():
        system = label in hidden or label.startswith(("outbox.", "django_celery_beat."))
        marketplaces = role == Role.AUDITOR and label.startswith("stocksync.")
        assert client.get(listing(model)).status_code == (403 if system or marketplaces else 200), label
        counts = role == Role.AUDITOR and label == "inventory.audit"
        assert client.get(listing(model) + "add/").status_code == (200 if counts else 403), label


@pytest.mark.parametrize(
    "someone", [{"roles": [Role.INTEGRATION]}, {"roles": [Role.MANAGER], "staff": False}, {"roles": []}], ids=["program", "not staff", "no role"]
)
def test_the_others_stay_outside(someone: dict[str, Any]) -> None:
    client = office(*someone["roles"], staff=someone.get("staff", True))
    for url in [reverse("admin:index"), *(listing(model) for model in REGISTERED.values())]:
        answer = client.get(url)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")


def test_a_stranger_is_asked_to_sign_in() -> None:
    for model in REGISTERED.values():
        assert Client().get(listing(model))["Location"].startswith("/admin/login/")


def test_only_the_back_office_may_make_functions_of_strings() -> None:
    def scripts(answer: Any) -> set[str]:
        policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
        return set(policy["script-src"].split())

    inside = scripts(office(Role.MANAGER).get(reverse("admin:index")))
    assert "'unsafe-eval'" in inside
    assert "'unsafe-eval'" in scripts(Client().get("/admin/login/"))
    assert "'unsafe-inline'" not in inside
    assert "'unsafe-eval'" not in scripts(Client().get(reverse("floor:login")))


@pytest.mark.parametrize(
    ("role", "screens"),
    [
        (Role.RECEIVER, {"receive", "put_away", "move"}),
        (Role.AUDITOR, {"count"}),
        (Role.PICKER, {"pick"}),
        (Role.MANAGER, {kind.url.removeprefix("floor:") for kind in WORK}),
    ],
)
def test_the_menu_leads_to_the_work_on_the_floor(role: Role, screens: set[str]) -> None:
    shown = office(role).get(reverse("admin:index")).content.decode()
    links = {kind.url.removeprefix("floor:") for kind in WORK if f'href="{reverse(kind.url)}"' in shown}
    assert screens <= links
    assert links == {kind.url.removeprefix("floor:") for kind in WORK if kind.permission.allowed(Actor("", ActorType.EMPLOYEE, frozenset({role})))}


def test_a_manager_keeps_the_people_and_makes_no_superuser() -> None:
    client, picker = office(Role.MANAGER), clerk(Role.PICKER, staff=False)
    group = picker.groups.get()
    form = {"username": picker.username, "is_active": "on", "is_superuser": "on", "groups": [group.pk], "badge": "B-17", "new_pin": "4711"}
    answer = client.post(page(picker), form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    picker = User.objects.get(pk=picker.pk)
    assert (picker.badge, picker.is_superuser, picker.check_pin("4711")) == ("B-17", False, True)


@pytest.mark.parametrize("pin", ["123", "12a4", "1" * 13])
def test_a_bad_pin_is_refused(pin: str) -> None:
    client, picker = office(Role.MANAGER), clerk(Role.PICKER)
    answer = client.post(page(picker), {"username": picker.username, "is_active": "on", "badge": "", "new_pin": pin})
    assert "new_pin" in answer.context["adminform"].form.errors
    assert not User.objects.get(pk=picker.pk).pin_hash


def test_a_manager_does_not_change_a_superuser() -> None:
    root = clerk(superuser=True)
    client = office(Role.MANAGER)
    assert client.post(page(root), {"username": "owned"}).status_code == 403
    assert client.post(reverse("admin:auth_user_password_change", args=[root.pk]), {}).status_code == 403
    assert User.objects.get(pk=root.pk).username == root.username


def test_a_token_is_shown_once_and_kept_as_a_hash() -> None:
    from knox.models import AuthToken

    program = clerk(Role.INTEGRATION, staff=False)
    answer = office(Role.MANAGER).post("/admin/knox/authtoken/add/", {"user": program.pk, "expiry_0": "", "expiry_1": ""}, follow=True)
    shown = next(str(message) for message in answer.context["messages"] if "not shown again" in str(message)).rsplit(" ", 1)[1]
    token = AuthToken.objects.get()
    assert shown.startswith(token.token_key)
    assert token.digest != shown
    assert Client().get("/api/v1/products", headers={"Authorization": f"Bearer {shown}"}).status_code == 200
