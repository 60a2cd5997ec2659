"""Who does something, and what that one may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from warehouse.core.errors import PermissionDenied


class Role(StrEnum):
    """The roles of the house. Each is a Django group of the same name, made by a migration."""

    MANAGER = "warehouse-manager"
    RECEIVER = "receiver"
    PICKER = "picker"
    PACKER = "packer"
    AUDITOR = "auditor"
    SELLER = "seller"
    INTEGRATION = "integration"
    VIEWER = "viewer"


class ActorType(StrEnum):
    """What the ledger keeps as `performed_by_type`."""

    EMPLOYEE = "employee"
    SELLER = "seller"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """The one who performs an operation: a person, a seller, or the system itself (jobs, stream consumers, commands)."""

    name: str
    type: ActorType
    roles: frozenset[Role] = field(default_factory=frozenset)
    user_id: int | None = None

    @classmethod
    def system(cls, name: str) -> Actor:
        """The system in one of its parts, e.g. `consume_orders`; it may do everything."""
        return cls(name=name, type=ActorType.SYSTEM, roles=frozenset({Role.MANAGER}))

    @classmethod
    def of_user(cls, user: Any) -> Actor:
        """The actor for a signed-in user. A superuser counts as a manager, a seller is nothing but a seller; an anonymous or inactive one may do nothing."""
        if not user.is_authenticated or not user.is_active:
            return cls(name="anonymous", type=ActorType.EMPLOYEE)
        known = {role.value: role for role in Role}
        roles = {known[name] for name in user.groups.values_list("name", flat=True) if name in known}
        if user.is_superuser:
            roles.add(Role.MANAGER)
        if Role.SELLER in roles and Role.MANAGER not in roles:
            # One's own sites only is a promise to the other sellers: no second role widens it.
            roles = {Role.SELLER}
        kind = ActorType.EMPLOYEE
        if Role.SELLER in roles:
            kind = ActorType.SELLER
        elif Role.INTEGRATION in roles:
            kind = ActorType.SYSTEM
        return cls(name=user.get_username(), type=kind, roles=frozenset(roles), user_id=user.pk)

    @property
    def own_sites_only(self) -> bool:
        """Whether it sees the goods and papers of its own sites only: a seller."""
        return Role.SELLER in self.roles and Role.MANAGER not in self.roles

    def may(self, allowed: frozenset[Role]) -> bool:
        """Whether one of the allowed roles is held. A manager may do everything."""
        return Role.MANAGER in self.roles or bool(self.roles & allowed)

    def require(self, allowed: frozenset[Role], what: str) -> None:
        """Raise PermissionDenied unless `may(allowed)`."""
        if not self.may(allowed):
            needed = sorted({role.value for role in allowed} | {Role.MANAGER.value})
            raise PermissionDenied(f"{self.name} may not {what.replace('_', ' ')}: it needs one of the roles {', '.join(needed)}.", roles=needed)
