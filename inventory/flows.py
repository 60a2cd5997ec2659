"""Operations strung around calls to the world: claim in one transaction, call outside any, record in another."""

from __future__ import annotations

import functools
import logging
import time

from inventory.channels import NotTold, channels, tell
from inventory.services import alert_messages
from inventory.services.alert_messages import ClaimedMessage
from warehouse.core.actor import Actor

logger = logging.getLogger(__name__)

ACTOR = Actor.system("send_alerts")
# A run that meets slow channels makes room for the next one.
SECONDS = 20.0


def send_alerts() -> int:
    """Tell every channel what it is owed, each message once; returns how many were sent. What could not be sent is tried again later."""
    known = channels()
    if not known:
        _say_that_nobody_is_told()
        return 0
    names = list(known)
    alert_messages.owe_messages(names, actor=ACTOR)
    deadline = time.monotonic() + SECONDS
    sent = 0
    while time.monotonic() < deadline:
        claimed = alert_messages.claim_message(names, actor=ACTOR)
        if claimed is None:
            break
        sent += _send(claimed, known[claimed.channel])
    return sent


def _send(claimed: ClaimedMessage, url: str) -> bool:
    site = f" ({claimed.warehouse})" if claimed.warehouse else ""
    title = f"{claimed.severity.upper()}: {claimed.kind.replace('_', ' ')}{site}"
    try:
        tell(url, title=title, text=claimed.message, severity=claimed.severity)
    except NotTold as failure:
        logger.warning("%s was not told of an alert: %s", claimed.channel, failure)
        alert_messages.postpone_message(claimed.id, str(failure), actor=ACTOR)
        return False
    alert_messages.record_message_sent(claimed.id, actor=ACTOR)
    return True


@functools.cache
def _say_that_nobody_is_told() -> None:
    """Once per process."""
    logger.warning("ALERT_URLS is empty: alerts are shown in the back office and sent to nobody.")
