"""From the names that callers use to rows."""

from __future__ import annotations

from uuid import UUID

from stocksync.enums import ChannelMode
from stocksync.models import Channel
from warehouse.core.errors import NotFound, ValidationFailed
from warehouse.core.texts import storable

# Not only what is one: an unknown operation is said to be unknown, whatever its name looks like.
OPERATION_ID = "[0-9A-Za-z-]{1,36}"


def named_channel(code: str) -> Channel:
    """The channel of this code. Raises ValidationFailed."""
    found = Channel.objects.select_related("warehouse").filter(code=storable(code)).first()
    if found is None:
        raise ValidationFailed(f"channel: there is no channel {code!r}.", errors=[{"field": "channel", "code": "unknown", "asked": code}])
    return found


def only_channel() -> Channel:
    """The one that is not off, for who names none. Raises ValidationFailed when there are several, or none."""
    found = list(Channel.objects.select_related("warehouse").exclude(mode=ChannelMode.OFF).order_by("code"))
    if len(found) != 1:
        names = ", ".join(channel.code for channel in found) or "none is switched on"
        raise ValidationFailed(f"channel: name it ({names}).", errors=[{"field": "channel", "code": "required"}])
    return found[0]


def operation_id(text: str) -> UUID:
    """The id in an address. Raises NotFound for what can't be one."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no operation {text}.", kind="pendingstockoperation", id=text) from None
