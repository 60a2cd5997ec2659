"""Whose goods they are."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Seller(models.Model):
    """Whose goods they are. Its members see the stock of its own sites only."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="sellers")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
