"""The tests' own house rules: rows that a test commits are gone afterwards, what migrations brought stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis as redis_client
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent
COUNT = "import django; django.setup(); from django.contrib.auth import get_user_model as users; print(users().objects.count())"


@pytest.mark.parametrize("time", ["first", "second"])
def test_committed_rows_do_not_reach_the_next_test(transactional_db: None, redis: redis_client.Redis, time: str) -> None:
    assert get_user_model().objects.count() == 0
    assert redis.dbsize() == 0
    assert Permission.objects.exists()
    assert Group.objects.filter(name="picker").exists()
    get_user_model().objects.create_user(username=time)
    redis.set("key", time)


def test_a_started_process_sees_what_the_test_committed(environment: dict[str, str]) -> None:
    get_user_model().objects.create_user(username="one")
    done = subprocess.run([sys.executable, "-c", COUNT], cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "1\n"


def test_tests_have_a_database_and_a_redis_index_of_their_own(db: None, redis: redis_client.Redis) -> None:
    assert str(connection.settings_dict["NAME"]).startswith("test_")
    assert redis.connection_pool.connection_kwargs["db"] in {14, 15}
    assert os.environ["REDIS_URL"] == os.environ["LISTINGS_REDIS_URL"]
