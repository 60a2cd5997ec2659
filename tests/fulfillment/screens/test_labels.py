"""Labels on a handheld without JavaScript."""

from __future__ import annotations

import pytest

from fulfillment import flows
from fulfillment.models import LabelPrint, PackingTask, Shipment
from fulfillment.services.shipments import replace_shipment
from tests.factories.fulfillment import person
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


def test_labels_are_printed_and_kept_as_pdf(handheld, place, labelled_task, zpl_printer):
    phone = handheld(place, Role.PACKER)
    path = f"/floor/pack/{labelled_task.pk}"
    assert f"{path}/labels" in phone.see(path)
    assert "Print on Bench 1" in phone.see(f"{path}/labels")
    text = phone.send(f"{path}/labels/print", printer=zpl_printer.pk)
    assert "Labels on their way: 2" in text
    box = labelled_task.packages.last()
    phone.send(f"{path}/labels/print", htmx=True, printer=zpl_printer.pk, package=box.pk, kind="return")
    assert list(LabelPrint.objects.order_by("pk").values_list("kind", flat=True)) == ["shipping", "shipping", "return"]
    assert LabelPrint.objects.last().package == box
    for name in ("labels.pdf", "packing-slip.pdf"):
        paper = phone.get(f"{path}/{name}")
        assert (paper["Content-Type"], paper.content[:4]) == ("application/pdf", b"%PDF")


def test_the_label_of_a_replaced_waybill_is_none(handheld, place, labelled_task, zpl_printer):
    phone = handheld(place, Role.PACKER)
    path = f"/floor/pack/{labelled_task.pk}"
    phone.send(f"{path}/labels/print", printer=zpl_printer.pk)
    LabelPrint.objects.update(status="printed")
    assert "Print again on Bench 1" in phone.see(f"{path}/labels")
    assert '<button class="button go" type="submit">Hand over' in phone.see(path)
    first = Shipment.objects.order_by("pk").first()
    replace_shipment(first.pk, "torn", actor=person(Role.MANAGER))
    flows.void_shipment(first.pk)
    ask_carrier()
    assert '<button class="button plain" type="submit">Hand over' in phone.see(path)
    page = phone.see(f"{path}/labels")
    assert page.count("Sent to Bench 1") == 1
    assert "Print on Bench 1" in page


def test_without_a_waybill_nothing_is_printed(handheld, place, packed_task, zpl_printer):
    phone = handheld(place, Role.PACKER)
    assert "No waybill yet" in phone.send(f"/floor/pack/{packed_task.pk}/labels/print", printer=zpl_printer.pk)
    assert not LabelPrint.objects.exists()


def test_a_task_that_is_not_packed_and_others(handheld, place, labelled_task, zpl_printer):
    phone = handheld(place, Role.PACKER)
    PackingTask.objects.filter(pk=labelled_task.pk).update(status="pending")
    assert "Labels are printed when everything is packed" in phone.see(f"/floor/pack/{labelled_task.pk}/labels")
    assert "Not possible now" in phone.see(f"/floor/pack/{labelled_task.pk}/packing-slip.pdf")
    assert "Not possible now" in phone.see(f"/floor/pack/{labelled_task.pk}/labels.pdf")
    zpl_printer.is_active = False
    zpl_printer.save()
    assert phone.get("/floor/pack/999999999/labels").status_code == 404
    assert handheld(place, Role.PICKER).get(f"/floor/pack/{labelled_task.pk}/labels").status_code == 403


@pytest.mark.parametrize(("language", "words"), [("ru", "Этикетки в PDF"), ("pl", "Etykiety jako PDF")])
def test_in_other_languages(handheld, place, labelled_task, zpl_printer, language, words):
    phone = handheld(place, Role.PACKER)
    phone.cookies["django_language"] = language
    assert words in phone.see(f"/floor/pack/{labelled_task.pk}/labels")
