"""Where a request comes from, when a proxy of ours may stand between."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address of the device. `X-Forwarded-For` is believed only as far as proxies of TRUSTED_PROXIES wrote it, from its end backwards.

    None where the server does not know its peer (a Unix socket without a proxy).
    """
    peer = _address(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while peer is not None and hops and _is_ours(peer):
        hop = _address(hops.pop())
        if hop is None:
            break
        peer = hop
    return None if peer is None else str(peer)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_ours(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)
