"""The addresses of inventory's floor screens, below `/floor/`."""

from __future__ import annotations

from django.urls import path

from inventory.screens import lookup, receive, receive_steps, words
from warehouse.core.screens import WORDS

WORDS.update(words.WORDS)

urlpatterns = [
    path("receive", receive.start_screen, name="receive"),
    path("receive/find", receive.find, name="receive_find"),
    path("receive/begin", receive.begin, name="receive_begin"),
    path("receive/<int:receiving_id>", receive.one_screen, name="receive_one"),
    path("receive/<int:receiving_id>/scan", receive.scan, name="receive_scan"),
    path("receive/<int:receiving_id>/lay-down", receive.lay_down, name="receive_lay_down"),
    path("receive/<int:receiving_id>/start", receive_steps.start, name="receive_start"),
    path("receive/<int:receiving_id>/correct", receive_steps.correct, name="receive_correct"),
    path("receive/<int:receiving_id>/undo", receive_steps.undo, name="receive_undo"),
    path("receive/<int:receiving_id>/confirm", receive_steps.confirm, name="receive_confirm"),
    path("receive/<int:receiving_id>/drop", receive_steps.drop, name="receive_drop"),
    path("lookup", lookup.screen, name="lookup"),
    path("lookup/find", lookup.find, name="lookup_find"),
]
