"""A signed-in handheld without JavaScript: plain forms, and with `htmx` the same as the browser's script sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.factories.fulfillment import person
from warehouse.core.actor import Actor, Role

HTMX = {"HX-Request": "true"}


class Handheld(Client):
    """A client that checks CSRF, as a browser's requests are checked, and stands in one warehouse."""

    actor: Actor

    def send(self, path: str, *, htmx: bool = False, **data: Any) -> str:
        """POST a form and return the text of the screen that follows (after the redirect, without htmx)."""
        if "csrftoken" not in self.cookies:
            self.get("/floor/")
        token = self.cookies["csrftoken"].value
        headers = HTMX if htmx else {}
        response = self.post(path, {"csrfmiddlewaretoken": token, **data}, headers=headers, follow=not htmx)
        assert response.status_code == 200, (path, response.status_code)
        return response.content.decode()

    def see(self, path: str) -> str:
        response = self.get(path, follow=True)
        assert response.status_code == 200, (path, response.status_code)
        return response.content.decode()


@pytest.fixture
def handheld(transactional_db: None) -> Callable[..., Handheld]:
    def make(site: Any, *roles: Role) -> Handheld:
        client = Handheld(enforce_csrf_checks=True)
        client.actor = person(*roles)
        client.force_login(get_user_model().objects.get(pk=client.actor.user_id), "django.contrib.auth.backends.ModelBackend")
        client.get("/floor/")
        client.send("/floor/warehouse", warehouse=site.warehouse.pk)
        return client

    return make
