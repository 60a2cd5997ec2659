"""Who calls, and how often they may."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, cast

import redis
from django.conf import settings
from django.core.cache import cache
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from warehouse.core.access import may
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import PermissionDenied
from warehouse.core.transactions import Operation

logger = logging.getLogger(__name__)

WINDOW_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BearerAuthentication(TokenAuthentication):
    """Knox tokens (kept as hashes); a header that is no text is a wrong token, not a failure of ours."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isascii():
            raise AuthenticationFailed("Invalid token.")
        return super().authenticate_credentials(token)


def actor_of(request: Request) -> Actor:
    """The caller as an actor; the roles are read once per request."""
    actor: Actor | None = getattr(request, "wms_actor", None)
    if actor is None:
        actor = Actor.of_user(request.user)
        request.wms_actor = actor  # type: ignore[attr-defined]
    return actor


class HoldsRole(BasePermission):
    """Who has a role may read what the table of `warehouse.core.access` says, and call the operations that admit the role.

    A view names its operations by action (`operations`), the model it shows (`shows`), whether programs read it too (`programs_read`), and who else
    (`readers`). Who has no role at all is refused everywhere; an operation asks again for itself.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        actor = actor_of(request)
        if not actor.roles:
            raise PermissionDenied(f"{actor.name} holds no role here. Ask a manager for one.")
        action = getattr(view, "action", None) or ""  # none: the method is not allowed, which is said next
        operations: Mapping[str, Operation[..., Any]] = getattr(view, "operations", {})
        if action in operations:
            operations[action].authorize({"actor": actor})
        elif request.method in SAFE_METHODS and action and not reads(actor, view):
            raise PermissionDenied(f"{actor.name} may not read this.", roles=sorted(role.value for role in Role if _role_reads(role, view)))
        elif request.method not in SAFE_METHODS and action:
            raise AssertionError(f"{view!r} names no operation for {action}.")
        return True


def reads(actor: Actor, view: Any) -> bool:
    """Whether the actor may read what the view shows."""
    return may(actor, "view", view.shows) or bool(actor.roles & view.readers) or (view.programs_read and Role.INTEGRATION in actor.roles)


def _role_reads(role: Role, view: Any) -> bool:
    return reads(Actor("", cast(Any, ""), frozenset({role})), view)


class TokenThrottle(BaseThrottle):
    """So many calls per window (setting API_RATE, such as `6000/min`) for each token, or for each user who signed in.

    A counter in the cache; while the cache is away nobody is refused.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        number, _, period = settings.API_RATE.partition("/")
        window = WINDOW_SECONDS[period[:1]]
        now = time.time()
        self._wait = window - now % window
        who = getattr(request.auth, "token_key", None) or f"user-{getattr(request.user, 'pk', None)}"
        try:
            return _count(f"api-calls:{who}:{int(now // window)}", window) <= int(number)
        except redis.RedisError as error:
            logger.warning("Calls are not counted: %s", type(error).__name__)
            return True

    def wait(self) -> float:
        return self._wait


def _count(key: str, seconds: int) -> int:
    """Count a call in its window. Two round trips, whatever the rate."""
    try:
        return cache.incr(key)
    except ValueError:
        return 1 if cache.add(key, 1, timeout=seconds * 2) else cache.incr(key)
