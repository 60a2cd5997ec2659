"""Labels at the bench: one tap, and the label that came out of the printer is read by a scanner."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import zxingcpp
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from fulfillment import printing
from fulfillment.labels.png import picture_of
from fulfillment.models import Package, PackingTask, Printer, Shipment
from tests.browser.conftest import SCREENSHOTS, Phone, badge_of
from tests.factories.office import clerk
from tests.fulfillment.labels.conftest import ask_carrier, make_packed, packer, place, raw_printer, zpl_printer
from tests.partners.printer import RawPrinter
from warehouse.core.actor import Actor, Role

__all__ = ["make_packed", "packer", "place", "raw_printer", "zpl_printer"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_packer_prints_and_reprints(
    phone: Phone, packer: Actor, make_packed: Callable[..., PackingTask], zpl_printer: Printer, raw_printer: RawPrinter
) -> None:
    task = make_packed("7001")
    phone.sign_in(badge_of(packer))
    phone.open(f"/floor/pack/{task.pk}")
    phone.tap("Labels and slip", "link")
    phone.sees("Waiting for the waybill", "Print on Bench 1")
    phone.tap("Print on Bench 1")
    phone.sees("No waybill yet for")
    phone.look("labels-1-too-early")
    phone.tap("OK", "link")

    ask_carrier()
    phone.sees(Shipment.objects.first().tracking_number, "Return label", "Packing slip", "Labels as PDF")
    phone.look("labels-2-ready")
    phone.tap("Print on Bench 1")
    phone.sees("Labels on their way: 2", "On its way to the printer")
    phone.look("labels-3-on-the-way")
    printing.print_queued(zpl_printer.pk)
    phone.sees("✓ Sent to Bench 1")  # by itself
    phone.look("labels-4-printed")
    jobs = raw_printer.wait_for(2)
    for job, package in zip(jobs, Package.objects.order_by("pk"), strict=True):
        read = {code.text for code in zxingcpp.read_barcodes(picture_of(job.decode()))}
        assert read == {package.barcode, package.tracking_number, f"(00){package.sscc}"}

    raw_printer.stop()
    phone.tap("Print again on Bench 1")
    phone.sees("On its way to the printer")
    printing.print_queued(zpl_printer.pk)
    phone.sees("Not printed.", "Look at the printer, then print again")
    phone.look("labels-5-printer-off")


def test_the_office_sees_the_label_and_prints_it(
    chromium: Browser, live_server: LiveServer, make_packed: Callable[..., PackingTask], zpl_printer: Printer, raw_printer: RawPrinter
) -> None:
    task = make_packed("7001")
    ask_carrier()
    user = clerk(Role.MANAGER)
    user.set_password("a long password")
    user.save()
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{live_server.url}/admin/login/?next=/admin/fulfillment/packingtask/{task.pk}/change/")
    page.fill("#id_username", user.username)
    page.fill("#id_password", "a long password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Packing slip")).to_be_visible()
    expect(page.locator("body")).to_contain_text(Package.objects.first().sscc)
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/labels-6-office.png", full_page=True)
    page.get_by_text("Print labels", exact=False).first.click()
    page.locator("select[name=printer_id]").wait_for()
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/labels-7-office-dialog.png")
    page.locator("#dialog button[type=submit]").click()
    expect(page.locator("body")).to_contain_text("print labels – done")
    printing.print_queued(zpl_printer.pk)
    assert len(raw_printer.wait_for(2)) == 2
    page.goto(f"{live_server.url}/admin/fulfillment/labelprint/")
    expect(page.locator("body")).to_contain_text("sent to the printer")
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/labels-8-office-prints.png")
    page.goto(f"{live_server.url}/api/v1/packages/{Package.objects.first().pk}/label?format=png")
    expect(page.locator("img")).to_be_visible()
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/labels-9-preview.png", full_page=True)
