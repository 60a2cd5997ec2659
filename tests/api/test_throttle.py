"""So many calls per minute for each token."""

from __future__ import annotations

import pytest
import redis as redis_client
from django.core.cache import cache
from knox.models import AuthToken
from rest_framework.test import APIClient

from tests.api.conftest import Caller, codes
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


def test_each_token_has_its_own_count(redis, settings):
    settings.API_RATE = "3/day"
    caller = Caller(Role.VIEWER)
    assert [caller.get("products").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = caller.get("stock")
    assert codes(refused) == (429, "throttled")
    assert 0 < int(refused["Retry-After"]) <= 86401
    other = APIClient()
    other.credentials(HTTP_AUTHORIZATION=f"Bearer {AuthToken.objects.create(caller.user)[1]}")
    assert other.get("/api/v1/products").status_code == 200
    assert Caller(Role.VIEWER).get("products").status_code == 200
    session = APIClient()
    session.force_login(caller.user, backend="django.contrib.auth.backends.ModelBackend")
    assert session.get("/api/v1/products").status_code == 200
    assert APIClient().get("/api/v1/products").status_code == 401


def test_without_redis_nobody_is_refused(settings):
    settings.API_RATE = "1/min"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}}
    caller = Caller(Role.VIEWER)
    with pytest.raises(redis_client.RedisError):
        cache.get("x")
    assert [caller.get("products").status_code for _ in range(3)] == [200, 200, 200]
