"""Serial numbers of packages."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from fulfillment.labels.sscc import sscc_of
from warehouse.core.errors import Conflict

# Made by migration 0008.
SEQUENCE = "wms_sscc"


def next_sscc() -> str:
    """A package's number in the world, which no other package ever gets. From a sequence: never waits, may leave gaps.

    Raises Conflict when the company prefix has no number left.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [SEQUENCE])
        serial: int = cursor.fetchone()[0]
    try:
        return sscc_of(settings.GS1_COMPANY_PREFIX, serial)
    except ValueError as error:
        raise Conflict(f"{error} Ask GS1 for another prefix and set GS1_COMPANY_PREFIX.") from error
