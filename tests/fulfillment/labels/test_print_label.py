"""`print_label`, packing slips and SSCCs, from real orders."""

from __future__ import annotations

import base64
from importlib import import_module

import pypdfium2
import pytest
import zxingcpp
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from fulfillment.labels.png import picture_of
from fulfillment.labels.sscc import is_sscc
from fulfillment.models import DeliveryProvider, Package, PickingTask, Shipment
from fulfillment.queries import floor
from fulfillment.services.labels import print_label, print_package_label
from fulfillment.services.packing_slips import print_packing_slip, print_packing_slips
from fulfillment.services.packing_tasks import cancel_packing_task, ship_packing_task, start_packing_task
from tests.factories.fulfillment import ACTOR, order_for, person, picked, stocked
from tests.factories.inventory import ProductFactory
from tests.fulfillment.labels.conftest import ask_carrier
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(pdf: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def test_each_package_has_a_number_in_the_world(make_packed):
    make_packed("1"), make_packed("2", packages=1)
    numbers = list(Package.objects.values_list("sscc", flat=True))
    assert len(set(numbers)) == 3
    assert all(is_sscc(number) and number[1:8] == settings.GS1_COMPANY_PREFIX for number in numbers)
    package = Package.objects.first()
    package.weight = 3
    package.save()
    assert Package.objects.get(pk=package.pk).sscc == numbers[0]


def test_a_prefix_that_is_used_up_is_said(settings, place):
    settings.GS1_COMPANY_PREFIX = "123456789012"
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE IF NOT EXISTS wms_sscc")
        cursor.execute("SELECT last_value FROM wms_sscc")
        [last] = cursor.fetchone()
        cursor.execute("SELECT setval('wms_sscc', 100000)")
    try:
        task = picked(PickingTask.objects.get(order=order_for([(_apple(place), 1)])), person(Role.PICKER))
        with pytest.raises(Conflict, match="Ask GS1 for another prefix"):
            Package(packing_task=task, sequence_number=1, barcode="x").save()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('wms_sscc', %s)", [last])


def _apple(place):
    product = ProductFactory()
    stocked(product, place.shelf, 9)
    return product


def test_the_labels_of_a_task_are_read_by_a_scanner(labelled_task, packer):
    found = print_label(labelled_task.pk, actor=packer)
    shipments = list(Shipment.objects.order_by("pk"))
    assert (found.label_url, found.waiting) == (shipments[0].label_url, [])
    assert found.label_url
    for label, shipment in zip(found.labels, shipments, strict=True):
        read = {code.text for code in zxingcpp.read_barcodes(picture_of(label.zpl))}
        assert read == {label.package.barcode, shipment.tracking_number, f"(00){label.package.sscc}"}
        # The address has ^XZ~JR_5E in it, and Cyrillic letters.
        assert (label.zpl.count("^XA"), label.zpl.count("^XZ"), label.zpl.count("~")) == (1, 1, 0)
        assert label.zpl.count("^GFA,") >= 3
    assert [label.content.weight for label in found.labels] == ["1.5 kg", "2.5 kg"]
    assert [(label.content.package, label.content.packages) for label in found.labels] == [(1, 2), (2, 2)]
    text = text_of(found.rendered("pdf"))
    assert "Јелена Ђорђевић" in text
    assert "^XZ~JR_5E" in text
    assert len(pypdfium2.PdfDocument(found.rendered("pdf"))) == 2
    assert found.rendered("png").startswith(b"\x89PNG")
    assert base64.b64decode(found.labels[1].data("pdf")).startswith(b"%PDF")
    assert found.rendered("zpl").count(b"^XA") == 2


def test_before_the_carrier_has_answered_the_label_says_so(packed_task, packer):
    found = print_label(packed_task.pk, actor=packer)
    assert (found.label_url, found.waiting) == ("", [1, 2])
    assert "NO WAYBILL YET" in found.labels[0].zpl
    ask_carrier()
    assert "NO WAYBILL YET" not in print_package_label(found.labels[0].package.pk, actor=packer).zpl


def test_the_codes_on_a_label_lead_back_to_the_task(labelled_task, place):
    package = labelled_task.packages.last()
    for code in (package.barcode, f"(00){package.sscc}", f"]C100{package.sscc}", package.sscc):
        assert floor.packing_task_by_scan(place.warehouse.pk, code, None) == labelled_task
        assert floor.order_refs_by_scan(code) == [labelled_task.order.order_ref]
    assert floor.order_refs_by_scan(package.tracking_number or labelled_task.shipments.last().tracking_number) == [labelled_task.order.order_ref]


def test_the_way_back(labelled_task, packer):
    label = print_label(labelled_task.pk, actor=packer, kind="return").labels[0]
    assert (label.content.sender.name, label.content.receiver.name) == ("Јелена Ђорђевић", "Irina")
    assert "RETURN" in label.zpl
    assert {code.text for code in zxingcpp.read_barcodes(picture_of(label.zpl))} == {"7001", label.package.barcode}


def test_a_task_that_is_shipped_is_labelled_too_but_no_other(make_packed, packer, place):
    task = make_packed("1")
    ask_carrier()
    ship_packing_task(task.pk, actor=packer)
    assert len(print_label(task.pk, actor=packer).labels) == 2
    cancelled = make_packed("2")
    cancel_packing_task(cancelled.pk, "no", actor=ACTOR)
    begun = picked(PickingTask.objects.get(order=order_for([(_apple(place), 1)])), person(Role.PICKER))
    for each in (cancelled, begun):
        with pytest.raises(TransitionRefused, match="Labels are printed when it is packed"):
            print_label(each.pk, actor=packer)


def test_who_may_and_what_there_is(labelled_task, packer):
    with pytest.raises(PermissionDenied):
        print_label(labelled_task.pk, actor=person(Role.PICKER, Role.VIEWER))
    with pytest.raises(NotFound):
        print_label(10**9, actor=packer)
    with pytest.raises(NotFound):
        print_label(labelled_task.pk, actor=packer, package_id=10**9)
    with pytest.raises(NotFound):
        print_package_label(10**9, actor=packer)
    with pytest.raises(ValidationFailed):
        print_label(labelled_task.pk, actor=packer, kind="poster")


def test_every_package_has_its_number(labelled_task, packer):
    """Those that were made before there were numbers got theirs when the table changed; to print one writes nothing."""
    with pytest.raises(IntegrityError, match="package_has_sscc"):
        Package.objects.update(sscc="")
    number_packages = import_module("fulfillment.migrations.0008_kept_scans_and_numbers").number_packages
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE fulfillment_package DROP CONSTRAINT package_has_sscc")
        try:
            Package.objects.filter(pk=labelled_task.packages.first().pk).update(sscc="")
            number_packages(apps, connection.schema_editor())
        finally:
            cursor.execute("ALTER TABLE fulfillment_package ADD CONSTRAINT package_has_sscc CHECK (sscc <> '')")
    numbers = list(Package.objects.order_by("pk").values_list("sscc", flat=True))
    assert (len(set(numbers)), all(map(is_sscc, numbers))) == (2, True)
    with CaptureQueriesContext(connection) as queries:
        assert [label.package.sscc for label in print_label(labelled_task.pk, actor=packer).labels] == numbers
    assert [query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "INSERT", "CREATE"))] == []


def test_the_carriers_format_is_the_default(labelled_task, packer):
    shown = print_label(labelled_task.pk, actor=packer)
    assert (shown.label_format, {label.label_format for label in shown.labels}) == ("zpl", {"zpl"})
    rows = DeliveryProvider.objects.filter(pk=labelled_task.provider_id)
    try:
        rows.update(label_format="png")
        shown = print_label(labelled_task.pk, actor=packer)
        assert (shown.label_format, {label.label_format for label in shown.labels}) == ("png", {"png"})
    finally:
        rows.update(label_format="zpl")


def test_the_slip_says_what_is_in_which_package(labelled_task, packer):
    text = text_of(print_packing_slip(labelled_task.pk, actor=packer).pdf)
    shipments = list(Shipment.objects.order_by("pk"))
    for said in (f"Packing slip {labelled_task.number}", "Order 7001", "Яблоки <красные> & зелёные", "Żółte gruszki", "L-7001", "3 pcs", "1 pcs"):
        assert said in text
    assert [f"Package {n} of 2 · {labelled_task.number}-{n}" in text for n in (1, 2)] == [True, True]
    assert shipments[1].tracking_number in text
    assert "Јелена Ђорђевић" in text
    assert "Not packed yet" not in text


def test_a_slip_of_what_is_being_packed_says_what_is_missing(place, packer):
    task = picked(PickingTask.objects.get(order=order_for([(_apple(place), 2)])), person(Role.PICKER))
    with pytest.raises(TransitionRefused):
        print_packing_slip(task.pk, actor=packer)
    start_packing_task(task.pk, actor=packer)
    text = text_of(print_packing_slip(task.pk, actor=packer).pdf)
    assert "Not packed yet" in text
    assert "2 pcs" in text


def test_slips_of_several_tasks_are_printed_at_once_each_on_its_own_sheet(make_packed, packer):
    tasks = [make_packed(order_id) for order_id in ("2", "1", "3")]
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(print_packing_slips([t.pk for t in tasks], actor=packer).pdf)]
    assert [[task.number in page for task in tasks].count(True) for page in pages] == [1, 1, 1]
    assert [("Order 2" in pages[0]), ("Order 1" in pages[1]), ("Order 3" in pages[2])] == [True, True, True]
    for wrong in ([], list(range(1, 200))):
        with pytest.raises(ValidationFailed):
            print_packing_slips(wrong, actor=packer)
    with pytest.raises(PermissionDenied):
        print_packing_slips([tasks[0].pk], actor=person(Role.VIEWER))


@pytest.mark.parametrize("count", [1, 3])
def test_statements_do_not_grow_with_the_packages(make_packed, packer, count):
    tasks = [make_packed(str(number), packages=number % 2 + 1) for number in range(count)]
    with CaptureQueriesContext(connection) as queries:
        print_label(tasks[0].pk, actor=packer)
    assert len(queries) - 2 == 3
    with CaptureQueriesContext(connection) as queries:
        print_packing_slips([task.pk for task in tasks], actor=packer)
    assert len(queries) - 2 == 6
