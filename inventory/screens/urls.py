"""The addresses of inventory's floor screens, below `/floor/`."""

from __future__ import annotations

from django.urls import path

from inventory.screens import count, lookup, move, put_away, receive, receive_steps, returns, words
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
    path("put-away", put_away.screen, name="put_away"),
    path("put-away/scan", put_away.scan, name="put_away_scan"),
    path("put-away/take", put_away.take, name="put_away_take"),
    path("put-away/other", put_away.other, name="put_away_other"),
    path("put-away/undo", put_away.undo, name="put_away_undo"),
    path("move", move.screen, name="move"),
    path("move/scan", move.scan, name="move_scan"),
    path("move/take", move.take, name="move_take"),
    path("move/change", move.change, name="move_change"),
    path("move/undo", move.undo, name="move_undo"),
    path("count", count.start_screen, name="count"),
    path("count/asked", count.count_asked, name="count_asked"),
    path("count/<int:audit_id>", count.audit_screen, name="count_audit"),
    path("count/<int:audit_id>/scan", count.scan, name="count_scan"),
    path("count/<int:audit_id>/take", count.take, name="count_take"),
    path("count/<int:audit_id>/leave", count.leave_it, name="count_leave"),
    path("count/<int:audit_id>/nothing-more", count.nothing_more, name="count_nothing_more"),
    path("returns", returns.start_screen, name="returns"),
    path("returns/find", returns.find, name="return_find"),
    path("returns/<int:return_id>", returns.one_screen, name="return_one"),
    path("returns/<int:return_id>/scan", returns.scan, name="return_scan"),
    path("returns/<int:return_id>/decide", returns.decide, name="return_decide"),
    path("returns/<int:return_id>/photo", returns.photo, name="return_photo"),
    path("returns/<int:return_id>/remove", returns.remove, name="return_remove"),
    path("returns/<int:return_id>/drop", returns.drop, name="return_drop"),
    path("returns/<int:return_id>/book", returns.book, name="return_book"),
    path("lookup", lookup.screen, name="lookup"),
    path("lookup/find", lookup.find, name="lookup_find"),
]
