"""Which addresses and tokens a partner can be called with: one judgement for clients, settings and whoever enters them."""

from __future__ import annotations

from urllib.parse import urlsplit

ADDRESS_FORM = "the base URL must be http(s)://host[:port][/path], with no name, password or query in it"
TOKEN_FORM = "the token has characters that no header may have"  # noqa: S105 - words about tokens


def is_base_url(url: str) -> bool:
    """Whether calls can be made below this address."""
    try:
        parts = urlsplit(url)
        # Only asking for the port tells one that is none.
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    if not url.isprintable() or " " in url:
        return False
    return named and parts.scheme in {"http", "https"} and not (parts.username or parts.password or parts.query or parts.fragment)


def is_token(token: str) -> bool:
    """Whether a bearer token can be sent; "" is none at all, and blanks around it don't count."""
    token = token.strip()
    return token.isascii() and token.isprintable() and " " not in token
