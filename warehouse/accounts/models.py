"""People and programs that sign in."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person or a program. What it may do follows from its groups, which are named after `warehouse.core.actor.Role`.

    On the floor people sign in by scanning a badge and typing a PIN; the PIN is kept as a salted hash, like a password.
    """

    badge = models.CharField(max_length=40, unique=True, null=True, blank=True, help_text="The barcode on the badge.")
    pin_hash = models.CharField(max_length=200, blank=True, editable=False)

    def set_pin(self, pin: str) -> None:
        """Keep a new PIN; the caller saves."""
        self.pin_hash = make_password(pin)

    def check_pin(self, pin: str) -> bool:
        """Whether this is the PIN. Nobody without a PIN passes."""
        return bool(self.pin_hash) and check_password(pin, self.pin_hash)
