"""`/stock/reconcile`: do the books balance?"""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.models import AuditLine
from inventory.queries.reconciliation import CHECKS, disagreements
from warehouse.core.whole_tables import snapshot
from warehouse.outbox.http import Endpoints

SHOWN = 200


class DisagreementOut(serializers.Serializer):
    check = serializers.CharField()
    table = serializers.CharField()
    id = serializers.CharField()
    sku = serializers.CharField(allow_null=True)
    warehouse = serializers.CharField(allow_null=True)
    field = serializers.CharField()
    stored = serializers.CharField(allow_null=True)
    computed = serializers.CharField(allow_null=True)


class CheckOut(serializers.Serializer):
    name = serializers.CharField()
    title = serializers.CharField()
    agrees = serializers.BooleanField()
    more = serializers.BooleanField(help_text=f"More than the {SHOWN} rows that are shown disagree.")
    findings = DisagreementOut(many=True)


class ReconciliationOut(serializers.Serializer):
    ok = serializers.BooleanField()
    checks = CheckOut(many=True)


class Reconciliation(Endpoints):
    """What `manage.py reconcile_stock` proves, for those who may read audits. It locks nothing and changes nothing."""

    rows: QuerySet[Any] = AuditLine.objects.none()
    serializer_class = ReconciliationOut
    pagination_class = None
    filter_backends: list[Any] = []
    lists = frozenset()
    programs_read = False

    def list(self, request: Request) -> Response:
        """Prove that places, totals, promises and ledger agree, all of them read at one moment. On a big ledger it takes its time."""
        checks = []
        with snapshot():
            for check in CHECKS:
                findings = [finding.as_data() for finding in islice(disagreements(check), SHOWN + 1)]
                checks.append(
                    {"name": check.name, "title": check.title, "agrees": not findings, "more": len(findings) > SHOWN, "findings": findings[:SHOWN]}
                )
        return Response({"ok": all(check["agrees"] for check in checks), "checks": checks})
