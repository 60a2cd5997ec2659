"""The site and the kernel; no rule about stock lives here."""

# `shared_task` binds to this application in every process, not only in workers.
from warehouse.celery import app as celery_app

__all__ = ["celery_app"]
