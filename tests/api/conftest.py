"""Callers of the API with real tokens."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from knox.models import AuthToken
from rest_framework.test import APIClient

from warehouse.core.actor import Actor, Role

_numbers = count(1)


class Caller:
    """A program or a person with a token: `caller.get("stock", low=1)`."""

    def __init__(self, *roles: Role) -> None:
        self.user = get_user_model().objects.create_user(f"caller-{next(_numbers)}")
        self.user.groups.set([Group.objects.get_or_create(name=role.value)[0] for role in roles])
        self.client = APIClient(raise_request_exception=False)
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {AuthToken.objects.create(self.user)[1]}")

    @property
    def actor(self) -> Actor:
        return Actor.of_user(self.user)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(address(path), query)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(address(path), body, format="json", headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.patch(address(path), body, format="json", headers=headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(address(path))


def address(path: str) -> str:
    return path if path.startswith(("/", "http")) else f"/api/v1/{path}"


@pytest.fixture
def caller(db: None) -> Callable[..., Caller]:
    return Caller


@pytest.fixture
def manager(db: None) -> Caller:
    return Caller(Role.MANAGER)


@pytest.fixture
def integration(db: None) -> Caller:
    return Caller(Role.INTEGRATION)


def codes(response: Any) -> tuple[int, str]:
    """The status and the stable code of a problem."""
    assert response["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert body["status"] == response.status_code
    assert {"type", "title", "detail", "instance"} <= set(body)
    return response.status_code, body["code"]
