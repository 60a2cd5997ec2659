"""Who does something, and what that one may do."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group

from warehouse.accounts.models import User
from warehouse.core.actor import Actor, ActorType, Role
from warehouse.core.errors import PermissionDenied

pytestmark = pytest.mark.django_db


def user(*groups: str, **more: object) -> User:
    made: User = User.objects.create_user("ana", **more)
    made.groups.set(Group.objects.get_or_create(name=name)[0] for name in groups)
    return made


@pytest.mark.parametrize(
    ("groups", "kind"),
    [(["picker"], ActorType.EMPLOYEE), (["seller", "picker"], ActorType.SELLER), (["integration"], ActorType.SYSTEM), ([], ActorType.EMPLOYEE)],
)
def test_of_a_user(groups: list[str], kind: ActorType) -> None:
    made = user(*groups)

    roles = {Role.SELLER} if "seller" in groups else {Role(name) for name in groups}
    assert Actor.of_user(made) == Actor("ana", kind, frozenset(roles), made.pk)


def test_groups_that_are_no_role_give_nothing() -> None:
    assert Actor.of_user(user("chess club")).roles == frozenset()


def test_a_superuser_counts_as_a_manager() -> None:
    assert Actor.of_user(user(is_superuser=True)).roles == {Role.MANAGER}


@pytest.mark.parametrize("inactive", [True, False])
def test_an_anonymous_or_inactive_one_may_do_nothing(inactive: bool) -> None:
    actor = Actor.of_user(user("warehouse-manager", is_active=False) if inactive else AnonymousUser())

    assert (actor.name, actor.roles, actor.user_id) == ("anonymous", frozenset(), None)
    with pytest.raises(PermissionDenied):
        actor.require(frozenset(Role), "do anything")


def test_the_system_may_do_everything() -> None:
    assert Actor.system("job").may(frozenset())
    assert Actor.system("job").type == ActorType.SYSTEM


def test_every_role_is_a_group_of_the_database() -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= {role.value for role in Role}
