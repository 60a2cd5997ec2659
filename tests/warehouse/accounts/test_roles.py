"""The groups that the migration makes are the roles that the code knows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from warehouse.accounts.models import User
from warehouse.core.actor import Actor, ActorType, Role

pytestmark = pytest.mark.django_db


def test_every_role_is_a_group() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == {role.value for role in Role}


@pytest.mark.parametrize(
    ("groups", "kind"),
    [
        (["picker", "packer"], ActorType.EMPLOYEE),
        (["seller"], ActorType.SELLER),
        (["integration"], ActorType.SYSTEM),
    ],
)
def test_what_a_user_may_follows_from_the_groups(groups: list[str], kind: ActorType) -> None:
    user = User.objects.create_user("somebody")
    user.groups.set(Group.objects.filter(name__in=groups))
    actor = Actor.of_user(user)
    assert (actor.name, actor.type, actor.user_id) == ("somebody", kind, user.pk)
    assert sorted(actor.roles) == sorted(groups)


def test_a_pin_is_kept_as_a_hash() -> None:
    user = User.objects.create_user("somebody")
    assert not user.check_pin("")
    user.set_pin("4711")
    assert "4711" not in user.pin_hash
    assert user.check_pin("4711")
    assert not user.check_pin("4712")
