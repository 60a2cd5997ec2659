"""The channels that people are told alerts on: addresses of apprise (Telegram, e-mail, webhooks and a hundred more) in the setting ALERT_URLS.

An address holds passwords and tokens: it is never logged, stored or shown. A channel is called by its kind and a digest of its address.
"""

from __future__ import annotations

import hashlib
import re

import apprise
from django.conf import settings

from inventory.enums import Severity

_TYPES = {Severity.INFO: apprise.NotifyType.INFO, Severity.WARNING: apprise.NotifyType.WARNING, Severity.CRITICAL: apprise.NotifyType.FAILURE}


class NotTold(Exception):
    """The channel did not take the message. The text names no address."""


def channels() -> dict[str, str]:
    """The address of each channel by its name."""
    return {_name(url): url for url in settings.ALERT_URLS}


def tell(url: str, *, title: str, text: str, severity: str) -> None:
    """Send one message, waiting for the answer. Outside any transaction. Raises NotTold."""
    asset = apprise.AppriseAsset(app_id="Warehouse", app_desc="Warehouse", async_mode=False, secure_logging=True)
    channel = apprise.Apprise(asset=asset)
    if not channel.add(url):
        raise NotTold("apprise does not understand this address in ALERT_URLS.")
    try:
        told = channel.notify(title=title, body=text, notify_type=_TYPES[Severity(severity)])
    except Exception as error:  # noqa: BLE001 - see below
        # Whatever a plugin raises, its text may hold the address: so only its name is kept, and nothing is chained.
        raise NotTold(f"The channel failed: {type(error).__name__}.") from None
    if not told:
        raise NotTold("The channel did not take the message.")


def _name(url: str) -> str:
    kind = re.match("[a-z0-9]{1,20}", url.lower())
    return f"{kind[0] if kind else 'unknown'}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
