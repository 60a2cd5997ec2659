"""The addresses of inventory's floor screens, below `/floor/`."""

from __future__ import annotations

from django.urls import URLPattern

from inventory.screens import words
from warehouse.core.screens import WORDS

WORDS.update(words.WORDS)

urlpatterns: list[URLPattern] = []
