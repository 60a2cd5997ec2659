"""Signing in with a badge."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from warehouse.accounts.models import User


def badge_owner(badge: str) -> User | None:
    """Who carries this badge and may sign in."""
    return User.objects.filter(badge=badge, is_active=True).first()


class BadgeBackend(ModelBackend):
    """A scanned badge and the PIN of its owner, given as `password` so that nothing on the way logs it.

    Stands before the backend of user names: a PIN is never tried as a password.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, *, badge: str = "", **kwargs: Any
    ) -> User | None:
        """The owner of the badge when the PIN is right; None when no badge is given; stops the attempt otherwise."""
        if not badge:
            return None
        user = badge_owner(badge)
        if user is None:
            make_password(password)  # as long as a wrong PIN takes, so that time does not tell which badges exist
            raise PermissionDenied("Unknown badge.")
        if not user.check_pin(password or ""):
            raise PermissionDenied("Wrong PIN.")
        return user
