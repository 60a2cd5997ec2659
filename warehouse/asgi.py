"""The event streams for an ASGI server; everything else the WSGI server answers. `manage.py serve_live` runs it."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warehouse.settings")
django.setup()

from warehouse.live.app import Live  # noqa: E402 - it needs the apps

application = Live()
