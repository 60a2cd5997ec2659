"""Labels, packing slips and printers over REST."""

from __future__ import annotations

import base64

import pypdfium2
import pytest
import zxingcpp

from fulfillment.labels.png import picture_of
from fulfillment.models import LabelPrint, Package, PackingTask
from fulfillment.tasks import sweep_label_prints
from tests.api.conftest import Caller, codes
from tests.fulfillment.labels.conftest import ask_carrier
from warehouse.core.actor import Role
from warehouse.outbox.models import IdempotencyKey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def caller():
    return Caller(Role.PACKER)


def test_print_label(labelled_task, caller):
    path = f"packing-tasks/{labelled_task.pk}/label"
    answer = caller.post(path, {}, **{"Idempotency-Key": "1"})
    body = answer.json()
    assert (answer.status_code, body["task"], body["kind"], body["format"]) == (200, labelled_task.pk, "shipping", "zpl")
    assert body["label_url"] == PackingTask.objects.get().label_url != ""
    assert body["label_data"] == body["labels"][0]["label_data"]
    assert [label["sequence_number"] for label in body["labels"]] == [1, 2]
    for label in body["labels"]:
        read = {code.text for code in zxingcpp.read_barcodes(picture_of(label["label_data"]))}
        assert read == {label["barcode"], label["tracking_number"], f"(00){label['sscc']}"}
    assert caller.post(path, {}, **{"Idempotency-Key": "1"}).json() == body
    # It changes nothing, so that nothing is kept of it.
    assert not IdempotencyKey.objects.exists()
    pdf = caller.post(path, {"format": "pdf", "kind": "return", "package": body["labels"][1]["package"]}).json()
    assert [label["sequence_number"] for label in pdf["labels"]] == [2]
    assert base64.b64decode(pdf["label_data"]).startswith(b"%PDF")
    assert codes(caller.post(path, {"format": "epl"})) == (400, "validation_failed")
    assert codes(caller.post(path, {"package": 10**9})) == (404, "not_found")
    assert codes(Caller(Role.VIEWER).post(path, {})) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("label_format", "kind", "begins"), [("zpl", "application/zpl", b"^XA"), ("pdf", "application/pdf", b"%PDF"), ("png", "image/png", b"\x89PNG")]
)
def test_a_label_as_a_file(labelled_task, caller, label_format, kind, begins):
    package = labelled_task.packages.first()
    answer = caller.get(f"packages/{package.pk}/label", format=label_format)
    assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    assert answer["Content-Disposition"] == f'inline; filename="{package.barcode}.{label_format}"'
    assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert answer.content.startswith(begins)
    accepting = caller.client.get(f"/api/v1/packages/{package.pk}/label?format={label_format}&kind=return", headers={"Accept": kind})
    assert (accepting.status_code, accepting["Content-Disposition"][:-1].endswith(f"-return.{label_format}")) == (200, True)


def test_what_is_asked_wrongly_of_a_label(labelled_task, make_packed, caller):
    package = labelled_task.packages.first()
    assert codes(caller.get(f"packages/{package.pk}/label", format="epl")) == (400, "validation_failed")
    assert codes(caller.get(f"packages/{package.pk}/label", kind="poster")) == (400, "validation_failed")
    assert codes(caller.get(f"packages/{10**9}/label")) == (404, "not_found")
    assert codes(Caller(Role.VIEWER).get(f"packages/{package.pk}/label")) == (403, "permission_denied")
    assert codes(Caller(Role.SELLER).get(f"packages/{package.pk}/label")) == (403, "permission_denied")


def test_packages_are_found_by_their_number_in_the_world(labelled_task, caller):
    package = Package.objects.last()
    [found] = caller.get("packages", sscc=package.sscc).json()["results"]
    assert (found["id"], found["barcode"], found["order_id"], found["sscc"]) == (package.pk, package.barcode, "7001", package.sscc)
    assert caller.get(f"packages/{package.pk}").json() == found
    assert caller.get(f"packing-tasks/{labelled_task.pk}").json()["packages"][1]["sscc"] == package.sscc


def test_packing_slips(make_packed, caller):
    tasks = [make_packed("1"), make_packed("2")]
    one = caller.get(f"packing-tasks/{tasks[0].pk}/packing-slip")
    assert (one.status_code, one["Content-Type"], one.content[:4]) == (200, "application/pdf", b"%PDF")
    both = caller.client.get(f"/api/v1/packing-tasks/packing-slips?task={tasks[0].pk}&task={tasks[1].pk}")
    assert len(pypdfium2.PdfDocument(both.content)) == 2
    for query in ("", "?task=x", "?task=1&task=", f"?task={2**70}"):
        assert codes(caller.get(f"packing-tasks/packing-slips{query}")) == (400, "validation_failed")
    assert codes(caller.get("packing-tasks/packing-slips", task=10**9)) == (404, "not_found")
    assert codes(Caller(Role.VIEWER).get("packing-tasks/packing-slips", task=tasks[0].pk)) == (403, "permission_denied")


def test_labels_on_a_printer(labelled_task, caller, zpl_printer, raw_printer):
    body = {"tasks": [labelled_task.pk], "printer": zpl_printer.pk}
    first = caller.post("packing-tasks/print-labels", body, **{"Idempotency-Key": "p"})
    assert (first.status_code, [row["status"] for row in first.json()["prints"]]) == (200, ["queued", "queued"])
    assert caller.post("packing-tasks/print-labels", body, **{"Idempotency-Key": "p"}).json() == first.json()
    sweep_label_prints()
    assert len(raw_printer.wait_for(2)) == LabelPrint.objects.count() == 2
    shown = caller.get("label-prints", packing_task=labelled_task.pk, status="printed").json()["results"]
    assert [(row["printer_name"], row["requested_by"], row["error"]) for row in shown] == [("Bench 1", caller.user.username, "")] * 2
    assert caller.get(f"label-prints/{shown[0]['id']}").json() == shown[0]
    assert codes(caller.post("packing-tasks/print-labels", body | {"tasks": []})) == (400, "validation_failed")
    assert codes(caller.post("packing-tasks/print-labels", body | {"printer": 10**9})) == (404, "not_found")
    assert codes(Caller(Role.PICKER).post("packing-tasks/print-labels", body)) == (403, "permission_denied")


def test_labels_wait_for_the_waybill(packed_task, caller, zpl_printer):
    refused = caller.post("packing-tasks/print-labels", {"tasks": [packed_task.pk], "printer": zpl_printer.pk})
    assert codes(refused) == (409, "no_waybill")
    assert len(refused.json()["data"]["waiting"]) == 2
    ask_carrier()
    assert caller.post("packing-tasks/print-labels", {"tasks": [packed_task.pk], "printer": zpl_printer.pk}).status_code == 200


def test_printers(place, raw_printer, caller):
    manager, code = Caller(Role.MANAGER), place.warehouse.code
    made = manager.post("printers", {"warehouse": code, "name": "Bench 1", "host": "127.0.0.1", "label_format": "pdf"})
    assert (made.status_code, made["ETag"]) == (201, '"1"')
    path = f"printers/{made.json()['id']}"
    assert made.json() == {"id": made.json()["id"], "warehouse": code, "name": "Bench 1", "host": "127.0.0.1", "port": 9100, "label_format": "pdf",
                           "is_active": True, "version": 1}  # fmt: skip
    assert codes(manager.patch(path, {"port": 9101})) == (428, "version_required")
    assert manager.patch(path, {"port": 9101}, **{"If-Match": '"1"'}).json()["version"] == 2
    assert codes(manager.patch(path, {"port": 9101}, **{"If-Match": '"1"'})) == (412, "stale_version")
    assert codes(manager.patch(path, {"host": "8.8.8.8"}, **{"If-Match": '"2"'})) == (400, "validation_failed")
    assert codes(manager.post("printers", {"warehouse": code, "name": "Bench 1", "host": "127.0.0.1"})) == (409, "conflict")
    assert codes(manager.post("printers", {"warehouse": "NOPE", "name": "x", "host": "127.0.0.1"}))[1] == "unknown_warehouse"
    assert [row["name"] for row in caller.get("printers", warehouse=code).json()["results"]] == ["Bench 1"]
    assert codes(caller.post("printers", {"warehouse": code, "name": "x", "host": "127.0.0.1"})) == (403, "permission_denied")
    assert codes(caller.delete(path)) == (403, "permission_denied")
    assert manager.delete(path).status_code == 204
    assert codes(manager.get(path)) == (404, "not_found")
