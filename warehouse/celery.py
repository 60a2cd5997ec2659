"""Work in the background. Tasks live in each app's `tasks.py`."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warehouse.settings")

app = Celery("warehouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# A task's log lines carry its id and the request that sent it.
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def use_the_sites_logging(**_: Any) -> None:
    """Celery's own set-up would replace the handlers."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
