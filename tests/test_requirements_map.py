"""docs/requirements-map.md is complete, and every name of ours in it exists."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.core.management import get_commands
from django.db import models
from django.test import Client
from django.urls import Resolver404, resolve

from inventory import events, orchestrator
from inventory.enums import ReservationStatus, StockStatus
from warehouse.celery import app as celery
from warehouse.core.transactions import Operation

ROOT = Path(settings.BASE_DIR)
DOCUMENT = ROOT / "docs" / "requirements-map.md"

# Counted in the documents, line by line.
ORCHESTRATOR = {
    "method": 21, "input": 21, "result": 10, "port": 10, "service": 5, "call": 29, "movement type": 6, "status": 4, "decision": 3, "reason": 4,
    "document type": 4, "event": 5, "field": 75, "module": 18, "export": 8, "file": 14, "duty": 4, "checklist": 7, "result of the phase": 4,
}  # fmt: skip
STOCK = {
    "stock status": 3, "movement type": 7, "reserve status": 4, "performer": 3, "Stock field": 12, "Stock index": 2, "Reserve field": 8,
    "Reserve index": 3, "StockMovement field": 13, "StockMovement index": 3, "token": 1, "command method": 6, "query method": 5, "result": 7,
    "command": 6, "query": 5, "command field": 26, "OCC": 11, "interaction": 4, "event": 6, "event field": 4, "name": 8, "endpoint": 6, "file": 15,
    "expected": 5, "checklist": 6,
}  # fmt: skip

FULFILMENT = {
    "picking rpc": 10, "packing rpc": 8, "inventory rpc": 6, "published event": 10, "consumed event": 2, "picking_tasks field": 15,
    "picking_task_items field": 13, "packing_tasks field": 22, "packages field": 12, "wms_reservations field": 9, "error type": 4, "metric": 8,
    "log level": 4, "alert": 4, "BatchPickingTask field": 6, "quality check": 3, "return step": 3, "Wave field": 6, "live view": 3,
}  # fmt: skip

SYNCHRONISATION = {
    "principle": 5, "component": 15, "PendingStockOperation field": 14, "operation type": 3, "operation status": 4, "StockSynchronizationLog field": 6,
    "log action": 5, "service method": 4, "workflow call": 9, "client call": 2, "inventory call": 2, "integration": 1, "result": 4, "config key": 11,
    "sync endpoint": 5, "metric to follow": 5, "alert": 3, "alert setting": 6, "periodic task": 4, "test scenario": 6, "integration test": 4,
    "phase of migration": 4, "compatibility": 3, "quality": 6,
}  # fmt: skip
PLAN = {
    "operation type": 3, "operation status": 5, "PendingStockOperation field": 16, "StockSynchronizationLog field": 7, "log action": 13, "config key": 11,
    "environment": 3, "SyncResult field": 3, "processing figure": 4, "service method": 5, "argument": 7, "integration": 3, "periodic task": 4,
    "schedule": 4, "cleanup rule": 2, "sync endpoint": 6, "parameter": 4, "answer field": 25, "refusal": 5, "alert": 3, "unit test": 3, "phase": 7,
    "installation": 2, "success criterion": 5,
}  # fmt: skip

METHODS = [
    "create_receiving", "confirm_receiving", "create_transfer", "send_transfer", "receive_transfer", "create_write_off", "confirm_write_off",
    "create_return", "inspect_return", "complete_return", "create_audit", "start_audit", "update_audit_items", "complete_audit", "reserve_for_order",
    "release_reservation", "consume_reservation", "check_offline_sale_conflict", "process_offline_sale", "get_location_stock", "get_product_stock",
]  # fmt: skip
QUERIES = {"get_location_stock", "get_product_stock"}


class Row(NamedTuple):
    section: str
    kind: str
    name: str
    ours: tuple[str, ...]


@cache
def rows() -> list[Row]:
    """The tables of the document."""
    result = []
    section = ""
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| kind |"):
            kind, name, ours, _ = (cell.strip() for cell in line.strip("|").split(" | ", 3))
            result.append(Row(section, kind, name.strip("`"), tuple(re.findall("`([^`]*)`", ours))))
    return result


def exists(ours: str) -> Any:
    """What a name of ours stands for. Raises LookupError or AttributeError when there is no such thing."""
    if ours.startswith(("GET ", "POST ", "PATCH ", "DELETE ")):
        return address(*ours.split(" ", 1))
    if ours.startswith("settings."):
        return getattr(settings, ours.removeprefix("settings."))
    if ours.startswith("manage.py "):
        return get_commands()[ours.removeprefix("manage.py ")]
    if ours.startswith("task "):
        celery.loader.import_default_modules()
        return celery.tasks[ours.removeprefix("task ")]
    if "/" in ours:
        return file(ours)
    if "(" in ours:
        called, _, argument = ours.rstrip(")").partition("(")
        found = imported(called)
        return inspect.signature(getattr(found, "function", found)).parameters[argument]
    if "#" in ours:
        model, _, name = ours.partition("#")
        meta = imported(model)._meta
        return {each.name: each for each in (*meta.indexes, *meta.constraints)}[name]
    return imported(ours)


def imported(path: str) -> Any:
    """A module, or something within one; of a model its fields and the way back to it from others."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = member(found, name)
        return found
    raise LookupError(path)


def member(owner: Any, name: str) -> Any:
    if inspect.isclass(owner) and issubclass(owner, models.Model):
        try:
            return owner._meta.get_field(name)
        except FieldDoesNotExist:
            return getattr(owner, name)
    if inspect.isclass(owner) and name in getattr(owner, "__dataclass_fields__", {}):
        return owner.__dataclass_fields__[name]
    return getattr(owner, name)


def address(method: str, path: str) -> Any:
    try:
        match = resolve(re.sub("{[^}]*}", "1", path))
    except Resolver404 as error:
        raise LookupError(path) from error
    return match.func.actions[method.lower()]


def file(path: str) -> Path:
    name, _, test = path.partition("::")
    found = ROOT / name
    if not found.exists() or (test and f"def {test}(" not in found.read_text()):
        raise LookupError(path)
    return found


def test_every_kind_has_all_its_rows() -> None:
    counted: dict[str, Counter[str]] = {}
    for row in rows():
        counted.setdefault(row.section, Counter())[row.kind] += 1
    assert counted == {
        "The orchestrator document": ORCHESTRATOR,
        "The stock document": STOCK,
        "The fulfilment document": FULFILMENT,
        "The synchronisation document": SYNCHRONISATION,
        "The plan of the synchronisation": PLAN,
    }


def test_no_name_stands_twice() -> None:
    assert [key for key, count in Counter((row.section, row.kind, row.name) for row in rows()).items() if count > 1] == []


def test_every_name_of_ours_exists() -> None:
    missing = []
    for row in rows():
        assert row.ours, row
        for ours in row.ours:
            try:
                exists(ours)
            except (LookupError, AttributeError) as error:
                missing.append(f"{row.kind} {row.name}: {ours} ({error!r})")
    assert missing == []


@pytest.mark.parametrize(
    "invented",
    [
        "inventory.orchestrator.confirm_everything", "inventory.enums.MovementType.THEFT", "inventory.models.Stock.colour", "inventory.models.Stock#fast",
        "inventory.orchestrator.reserve_for_order(colour)", "inventory.orchestrator.OrderedLine.colour", "GET /api/v1/nothing", "POST /api/v1/stock/1",
        "settings.NO_SUCH_SETTING", "manage.py dance", "task inventory.dance", "inventory/nothing.py", "tests/api/test_seller.py::test_nothing",
        "inventory.nothing", "nothing",
    ],
)  # fmt: skip
def test_what_does_not_exist_is_found_out(invented: str) -> None:
    with pytest.raises((LookupError, AttributeError, KeyError)):
        exists(invented)


def test_the_orchestrator_has_every_method() -> None:
    """Each under its name, typed; each that changes anything is an operation, to be called by itself or `inside` another."""
    names = [row.name for row in rows() if row.kind == "method"]
    assert [re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", name) for name in names] == METHODS
    assert set(METHODS) <= set(orchestrator.__all__)
    for name in METHODS:
        method = getattr(orchestrator, name)
        if name in QUERIES:
            assert callable(method)
            function = method
        else:
            assert isinstance(method, Operation), name
            assert callable(method.inside)
            function = method.function
            assert "actor" in inspect.signature(function).parameters, name
        hints = inspect.signature(function)
        assert hints.return_annotation is not inspect.Signature.empty, name
        assert all(parameter.annotation is not inspect.Parameter.empty for parameter in hints.parameters.values()), name
        assert inspect.getdoc(function), name


def test_all_that_the_orchestrator_exports_is_there() -> None:
    assert [name for name in orchestrator.__all__ if not hasattr(orchestrator, name)] == []
    assert len(set(orchestrator.__all__)) == len(orchestrator.__all__)


def test_events_are_called_as_the_documents_call_them() -> None:
    ours = {value for name, value in vars(events).items() if name.isupper()}
    assert {row.name for row in rows() if row.kind == "event"} <= ours
    for row in rows():
        if row.kind == "event":
            assert [exists(name) for name in row.ours] == [row.name]


def test_values_are_spelled_as_the_stock_document_spells_them() -> None:
    assert set(StockStatus.values) == {"in_stock", "low_stock", "out_of_stock"}
    assert set(ReservationStatus.values) == {"active", "fulfilled", "released", "expired"}


def test_actions_and_statuses_are_spelled_as_the_synchronisation_documents_spell_them() -> None:
    spelled = [row for row in rows() if row.kind in ("operation type", "operation status", "log action")]
    assert len(spelled) == 33
    for row in spelled:
        assert [exists(name).value for name in row.ours] == [row.name.lower()]


def test_the_endpoints_are_the_documents_own() -> None:
    for row in rows():
        if row.kind == "endpoint":
            theirs = row.name.replace(":shopId", "{shop}").replace(" /", " /api/v1/", 1)
            assert row.ours == (theirs,)


def test_what_fulfilment_publishes_is_called_as_its_document_calls_it() -> None:
    for row in rows():
        if row.kind == "published event":
            assert [exists(name) for name in row.ours] == [row.name]


@pytest.mark.django_db
def test_metrics_are_called_as_the_document_calls_them(client: Client) -> None:
    names = {row.name for row in rows() if row.kind == "metric"}
    # A rate of nothing is left out of the answer: such names are looked for where they are written.
    told = {line.split()[2] for line in client.get("/metrics").content.decode().splitlines() if line.startswith("# TYPE")}
    written = (ROOT / "warehouse" / "metrics.py").read_text()
    assert {name for name in names - told if f'("{name}", ' not in written} == set()
