"""Labels and packing slips from the back office; printers and what was printed."""

from __future__ import annotations

import pypdfium2
import pytest
from django.test import Client

from fulfillment.models import LabelPrint, PackingTask, Printer, Shipment
from fulfillment.services.packing_tasks import cancel_packing_task
from tests.factories.fulfillment import ACTOR
from tests.factories.office import dialog, listing, office, page, steps_offered, take
from tests.fulfillment.labels.conftest import (
    ask_carrier,
    delivery,
    labelled_task,
    make_packed,
    order_system,
    packed_task,
    packer,
    place,
    raw_printer,
    zpl_printer,
)
from warehouse.core.actor import Role

__all__ = ["delivery", "labelled_task", "make_packed", "order_system", "packed_task", "packer", "place", "raw_printer", "zpl_printer"]

pytestmark = pytest.mark.django_db(transaction=True)


def papers(client: Client, row) -> list[str]:
    shown = client.get(page(row)).context["actions_detail"]
    return [action["path"].strip("/").rpartition("/")[2] for action in shown if not action["dialog"]]


def test_a_task_has_its_papers_and_its_button(labelled_task, zpl_printer):
    client = office(Role.PACKER)
    assert papers(client, labelled_task) == ["packing-slip", "labels", "return-labels"]
    assert "print-labels" in steps_offered(client, labelled_task)
    assert papers(office(Role.VIEWER), labelled_task) == []
    for name in ("packing_slip", "labels", "return_labels"):
        paper = client.get(dialog(labelled_task, name))
        assert (paper["Content-Type"], paper.content[:4]) == ("application/pdf", b"%PDF")
    assert len(pypdfium2.PdfDocument(client.get(dialog(labelled_task, "labels")).content)) == 2
    text = client.get(page(labelled_task)).content.decode()
    package = labelled_task.packages.first()
    assert f"/api/v1/packages/{package.pk}/label?format=png" in text
    assert package.sscc in text

    asked = client.get(dialog(labelled_task, "print_labels")).context["form"]
    assert asked.fields["printer_id"].choices == [(zpl_printer.pk, "Bench 1")]
    take(client, labelled_task, "print_labels", printer_id=zpl_printer.pk, kind="return")
    assert list(LabelPrint.objects.values_list("kind", "status", "printer")) == [("return", "queued", zpl_printer.pk)] * 2
    assert office(Role.VIEWER).get(dialog(labelled_task, "print_labels")).status_code == 403


def test_a_shipment_has_its_label(labelled_task, zpl_printer):
    client, shipment = office(Role.PACKER), Shipment.objects.last()
    assert papers(client, shipment) == ["label"]
    assert client.get(dialog(shipment, "label")).content[:4] == b"%PDF"
    take(client, shipment, "print_label", printer_id=zpl_printer.pk, kind="shipping")
    assert list(LabelPrint.objects.values_list("package", flat=True)) == [shipment.package_id]


def test_what_can_not_be_printed_is_said(packed_task, zpl_printer):
    client = office(Role.PACKER)
    answer = take(client, packed_task, "print_labels", printer_id=zpl_printer.pk, kind="shipping")
    assert "No waybill yet" in answer.context["error"].detail
    Printer.objects.update(is_active=False)
    assert "A manager enters one under Printers" in client.get(dialog(packed_task, "print_labels")).content.decode()
    cancel_packing_task(packed_task.pk, "no", actor=ACTOR)
    assert papers(client, PackingTask.objects.get()) == []
    gone = client.get(dialog(packed_task, "labels"), follow=True)
    assert "Labels are printed when it is packed" in gone.content.decode()


def test_several_tasks_on_paper_at_once(make_packed):
    tasks = [make_packed("1"), make_packed("2")]
    ask_carrier()
    client = office(Role.PACKER)
    chosen = {"_selected_action": [task.pk for task in tasks]}
    slips = client.post(listing(PackingTask), {"action": "print_slips", **chosen})
    assert len(pypdfium2.PdfDocument(slips.content)) == 2
    labels = client.post(listing(PackingTask), {"action": "print_chosen_labels", **chosen})
    assert len(pypdfium2.PdfDocument(labels.content)) == 4
    refused = office(Role.VIEWER).post(listing(PackingTask), {"action": "print_slips", **chosen}, follow=True)
    assert "may not" in refused.content.decode() or "not allowed" in refused.content.decode().lower()


def test_a_manager_keeps_the_printers(place, raw_printer):
    client = office(Role.MANAGER)
    values = {"warehouse": place.warehouse.pk, "name": "Bench 1", "host": "127.0.0.1", "port": 9100, "label_format": "zpl", "is_active": "on"}
    wrong = client.post("/admin/fulfillment/printer/add/", values | {"host": "8.8.8.8"})
    assert "not within PRINTER_NETWORKS" in wrong.content.decode()
    assert client.post("/admin/fulfillment/printer/add/", values).status_code == 302
    printer = Printer.objects.get()
    assert client.post(page(printer), values | {"port": 9101, "seen_version": 1}).status_code == 302
    printer.refresh_from_db()
    assert (printer.port, printer.version) == (9101, 2)
    assert client.get(listing(Printer)).status_code == 200
    assert client.post(f"/admin/fulfillment/printer/{printer.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Printer.objects.exists()
    assert office(Role.PACKER).post("/admin/fulfillment/printer/add/", values).status_code == 403


def test_what_was_printed_is_listed(labelled_task, zpl_printer):
    client = office(Role.PACKER)
    take(client, labelled_task, "print_labels", printer_id=zpl_printer.pk, kind="shipping")
    package = labelled_task.packages.first()
    shown = client.get(listing(LabelPrint), {"q": package.barcode}).content.decode()
    assert package.barcode in shown
    assert f"{labelled_task.number}-2" not in shown
    assert client.get(page(LabelPrint.objects.first())).status_code == 200
