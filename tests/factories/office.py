"""People at the back office, for tests: a signed-in client with roles, and steps taken through their dialogs."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from warehouse.accounts.models import User
from warehouse.core.actor import Role

_numbers = count(1)


def clerk(*roles: Role, staff: bool = True, superuser: bool = False) -> User:
    """A user with these roles who may sign in to the back office."""
    user = get_user_model().objects.create_user(f"clerk-{next(_numbers)}", is_staff=staff, is_superuser=superuser)
    user.groups.set([Group.objects.get_or_create(name=role.value)[0] for role in roles])
    return user


def office(*roles: Role, **more: Any) -> Client:
    """The browser of a new clerk."""
    client = Client()
    client.force_login(clerk(*roles, **more))
    return client


def page(row: Any) -> str:
    """The address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def listing(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def dialog(row: Any, step: str) -> str:
    """The address of a step of a row."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{step}", args=[row.pk])


def take(client: Client, row: Any, step: str, *, version: int | None = None, **fields: Any) -> Any:
    """Submit a step's dialog as it was opened with the row in hand."""
    seen = row.version if version is None else version
    return client.post(dialog(row, step), {"expected_version": seen, **fields})


def steps_offered(client: Client, row: Any) -> list[str]:
    """The names of the steps on a row's page, in order."""
    prefix = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/"
    shown = [action["path"] for action in client.get(page(row)).context["actions_detail"] if action["dialog"]]
    return [path.removeprefix(prefix).strip("/") for path in shown]
