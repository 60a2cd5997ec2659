"""A tap that arrives twice has its effect once.

What is in hand on a screen has a token, kept in the session and sent back by the form; the token is the idempotency key of the operation.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest

from warehouse.core.actor import Actor
from warehouse.core.screens import Feedback
from warehouse.core.transactions import Operation, run_once
from warehouse.outbox.claims import IdempotencyClaim, fingerprint_of


def new_token() -> str:
    """A token for a form, or for what is taken in hand."""
    return uuid.uuid4().hex


def posted_token(request: HttpRequest) -> str:
    """The token that the form sent."""
    return request.POST.get("token", "")[:40]


def once(
    token: str, op: Operation[..., Any], /, *args: Any, actor: Actor, say: Callable[[Any], Feedback], **kwargs: Any
) -> tuple[Feedback, dict[str, Any]]:
    """Do `op` once for this token; a second call with the same input is answered with the first one's feedback. Raises what the operation raises.

    Also returns the answer that is kept; its `id` is that of the row the operation returned, for an undo.
    """

    def render(done: Any) -> dict[str, Any]:
        return {
            "feedback": {key: str(value) for key, value in asdict(say(done)).items()},
            "id": done if isinstance(done, int) else getattr(done, "pk", None),
        }

    claim = IdempotencyClaim(f"floor:{actor.user_id}", token, fingerprint_of([op.name, args, kwargs]))
    answer = run_once(claim, op, *args, render=render, actor=actor, **kwargs)
    return Feedback(**answer["feedback"]), answer
