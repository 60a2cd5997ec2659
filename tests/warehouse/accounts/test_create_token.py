"""`manage.py create_token`."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from knox.models import AuthToken
from rest_framework.test import APIClient

from warehouse.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    user = User.objects.create_user("shop")
    user.groups.add(Group.objects.get_or_create(name="integration")[0])
    return user


def run(*args: str) -> str:
    out = StringIO()
    call_command("create_token", *args, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def status(token: str) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client.get("/api/v1/products").status_code


def test_a_token_opens_the_api_and_is_kept_as_a_hash(shop):
    token = run("shop")
    assert status(token) == 200
    kept = AuthToken.objects.get()
    assert kept.expiry is None
    assert token not in {kept.digest, kept.token_key}


def test_tokens_end_and_are_taken_back(shop):
    first = run("shop")
    answer = json.loads(run("shop", "--days", "30", "--json"))
    assert (answer["user"], answer["roles"], answer["revoked"]) == ("shop", ["integration"], 0)
    assert answer["expires_at"]
    assert run("shop", "--revoke") == ""
    assert [status(first), status(answer["token"])] == [401, 401]
    assert status(run("shop", "--revoke", "--days", "1")) == 200


def test_who_can_have_none(shop):
    User.objects.create_user("nobody")
    for name in ("nobody", "unknown"):
        with pytest.raises(CommandError):
            run(name)
    shop.is_active = False
    shop.save()
    with pytest.raises(CommandError):
        run("shop")
