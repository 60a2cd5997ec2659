"""The site's settings for tests: the same servers, but a database and a Redis index of their own, so that no demo data is touched."""

import os
from pathlib import Path

from warehouse import embedded

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_local_dir = Path(os.environ.get("LOCAL_DIR", Path(__file__).resolve().parent.parent / ".local"))
_server = (os.environ.get("REDIS_URL") or embedded.redis_url(_local_dir)).rstrip("/")
_server = _server.rsplit("/", 1)[0] if _server.count("/") > 2 else _server
# Before the site's settings: whatever they derive from it is separate too.
os.environ["REDIS_URL"] = os.environ["LISTINGS_REDIS_URL"] = f"{_server}/{15 - _worker}"

from warehouse.settings import *  # noqa: E402, F403

# A statement without an end fails where it stands. Left to the time limit of the test it would go on in the server and hold its locks against all that follow.
DATABASES["default"]["OPTIONS"]["options"] += " -c statement_timeout=120s"  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
