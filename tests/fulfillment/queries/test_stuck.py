"""What the sweeps and the alerts ask every few minutes is answered by an index, however much was told before."""

from __future__ import annotations

import pytest
from django.db import connection

from fulfillment.queries import stuck

pytestmark = pytest.mark.django_db


def test_what_is_not_told_is_found_by_its_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = stuck._stuck_reports().order_by("pk").explain()
    assert "status_report_unsent" in plan, plan
