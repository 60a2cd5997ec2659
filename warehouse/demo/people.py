"""Who works in the demo. Everybody knows these passwords: they are for a machine of one's own."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group
from django.utils.crypto import get_random_string
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS

from warehouse.accounts.models import User
from warehouse.core.actor import Role
from warehouse.demo.goods import make_seller

PASSWORD = "warehouse-demo"  # noqa: S105 - not a secret
API_TOKEN = "demo-token-of-the-integration-0123456789"  # noqa: S105 - not a secret


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    first_name: str
    last_name: str
    role: Role | None
    badge: str
    pin: str
    in_admin: bool = True


PEOPLE = (
    Person("admin", "Ana", "Anić", None, "STAFF-1000", "1000"),
    Person("manager", "Milica", "Marković", Role.MANAGER, "STAFF-1001", "1001"),
    Person("receiver", "Radovan", "Ristić", Role.RECEIVER, "STAFF-1002", "1002"),
    Person("picker", "Petar", "Petrović", Role.PICKER, "STAFF-1003", "1003"),
    Person("picker2", "Paulina", "Pawlak", Role.PICKER, "STAFF-1004", "1004"),
    Person("packer", "Pavle", "Pavlović", Role.PACKER, "STAFF-1005", "1005"),
    Person("auditor", "Agnieszka", "Adamska", Role.AUDITOR, "STAFF-1006", "1006"),
    Person("viewer", "Vesna", "Vuković", Role.VIEWER, "STAFF-1007", "1007"),
    Person("seller", "Selena", "Savić", Role.SELLER, "STAFF-1008", "1008", in_admin=False),
    Person("integration", "Order", "System", Role.INTEGRATION, "", "", in_admin=False),
)


def make_people() -> dict[str, User]:
    """The users by name, in their groups; the seller's and the program's belongings."""
    known = set(User.objects.filter(username__in=[person.username for person in PEOPLE]).values_list("username", flat=True))
    for person in PEOPLE:
        if person.username not in known:
            _make(person)
    users = {user.username: user for user in User.objects.filter(username__in=[person.username for person in PEOPLE])}
    make_seller().members.add(users["seller"])
    AuthToken.objects.bulk_create(
        [AuthToken(digest=hash_token(API_TOKEN), token_key=API_TOKEN[: CONSTANTS.TOKEN_KEY_LENGTH], user=users["integration"])], ignore_conflicts=True
    )
    return users


def _make(person: Person) -> None:
    user = User.objects.create(
        username=person.username,
        first_name=person.first_name,
        last_name=person.last_name,
        email=f"{person.username}@freshbasket.example",
        password=_quick_hash(PASSWORD),
        badge=person.badge or None,
        pin_hash=_quick_hash(person.pin) if person.pin else "",
        is_staff=person.in_admin,
        is_superuser=person.role is None,
    )
    if person.role is not None:
        user.groups.add(Group.objects.get(name=person.role))


def _quick_hash(secret: str) -> str:
    """Nothing is hidden behind these, so they cost nothing to make; Django makes a password costly when it is first used."""
    return PBKDF2PasswordHasher().encode(secret, get_random_string(16), iterations=1000)
