"""Asking a worker to do soon what the database already says is owed.

The message is a courtesy: when it is lost, a sweep of the app's `tasks` finds the work in the database.
"""

from __future__ import annotations

import logging
from functools import partial
from uuid import uuid4

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)


def soon(task: str, *args: int | str) -> str:
    """Send the task to the workers when this transaction has committed; a broker that is away is only logged. The id under which it will run."""
    task_id = str(uuid4())
    transaction.on_commit(partial(_send, task, args, task_id))
    return task_id


def _send(task: str, args: tuple[int | str, ...], task_id: str) -> None:
    try:
        current_app.send_task(task, args=args, task_id=task_id, retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001 - whatever the broker's library raises, the sweep will find the work
        logger.warning("%s%s is left to the sweep: %s: %s", task, args, type(error).__name__, error)
