"""Labels on real sockets: printed once, in order, where a printer may stand; and what is said when it does not print."""

from __future__ import annotations

import socket
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment import printing
from fulfillment.models import LabelPrint, Printer
from fulfillment.printing import NotPrinted, send
from fulfillment.services.label_prints import claim_label_print, give_up_label_prints, queue_labels, record_label_print
from fulfillment.services.labels import PackageLabel
from fulfillment.services.packing_tasks import cancel_packing_task
from fulfillment.services.printers import change_printer, create_printer, delete_printer, judge_host
from fulfillment.tasks import sweep_label_prints
from tests.concurrency.threads import race
from tests.factories.fulfillment import ACTOR, person, reachable_site
from tests.fulfillment.labels.conftest import ask_carrier
from tests.partners.printer import DEAF, RESET
from warehouse.core.actor import Role
from warehouse.core.errors import Conflict, NotFound, PermissionDenied, StaleVersion, TransitionRefused, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


def states() -> list[tuple[str, str]]:
    return list(LabelPrint.objects.order_by("pk").values_list("status", "error"))


def test_labels_come_out_of_the_printer_in_order_and_once(labelled_task, packer, zpl_printer, raw_printer):
    rows = queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    assert [(row.status, row.requested_by_id) for row in rows] == [("queued", packer.user_id)] * 2
    printing.print_queued(zpl_printer.pk)
    printing.print_queued(zpl_printer.pk)
    jobs = raw_printer.wait_for(2)
    assert len(jobs) == 2
    assert [f"-{n}^FS".encode() in job for n, job in enumerate(jobs, 1)] == [True, True]
    assert all(job.startswith(b"^XA") and job.endswith(b"^XZ\n") for job in jobs)
    assert states() == [("printed", ""), ("printed", "")]
    assert LabelPrint.objects.exclude(finished_at=None).exclude(claimed_at=None).count() == 2


@pytest.mark.parametrize(("label_format", "begins"), [("zpl", b"^XA"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_a_printer_gets_what_it_takes(labelled_task, packer, zpl_printer, raw_printer, label_format, begins):
    change_printer(zpl_printer.pk, {"label_format": label_format}, actor=ACTOR)
    package = labelled_task.packages.last()
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer, kind="return", package_id=package.pk)
    sweep_label_prints()
    [job] = raw_printer.wait_for(1)
    assert job.startswith(begins)


def test_several_orders_at_once(make_packed, packer, zpl_printer, raw_printer):
    tasks = [make_packed(str(number), packages=1) for number in range(3)]
    ask_carrier()
    queue_labels([task.pk for task in tasks], zpl_printer.pk, actor=packer)
    sweep_label_prints()
    assert len(raw_printer.wait_for(3)) == 3


def test_a_printer_that_fails_is_tried_once_and_the_reader_told(labelled_task, packer, zpl_printer, raw_printer):
    raw_printer.stop()
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    printing.print_queued(zpl_printer.pk)
    [(first, error), (second, same)] = states()
    assert (first, second, error) == ("failed", "failed", same)
    assert error.startswith(f"Printer Bench 1 (127.0.0.1:{zpl_printer.port}) did not take it: Connection refused.")
    assert "print again" in error
    sweep_label_prints()
    assert raw_printer.connections == 0
    assert [status for status, _ in states()] == ["failed", "failed"]


def test_a_printer_that_does_not_read_is_given_up_in_time(zpl_printer, raw_printer):
    raw_printer.fault = DEAF
    with pytest.raises(NotPrinted, match=r"does not answer\. Is it switched on"):
        send(zpl_printer, b"x" * 50_000_000)
    raw_printer.fault = ""


def test_a_printer_that_hangs_up_is_not_tried_again(zpl_printer, raw_printer):
    raw_printer.fault = RESET
    with pytest.raises(NotPrinted, match="Look at the printer, then print again"):
        send(zpl_printer, b"x" * 50_000_000)
    assert raw_printer.connections == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "8.8.8.8", "::1", "0.0.0.0", "::ffff:127.0.0.1"])
def test_nothing_is_sent_outside_the_printers_networks(settings, zpl_printer, raw_printer, host):
    settings.PRINTER_NETWORKS = [ip_network("10.0.0.0/8")]
    Printer.objects.update(host=host)
    zpl_printer.refresh_from_db()
    with pytest.raises(NotPrinted, match="not within PRINTER_NETWORKS"):
        send(zpl_printer, b"x")
    assert raw_printer.connections == 0


def test_a_name_that_also_means_a_forbidden_address_is_refused(settings, zpl_printer, raw_printer, monkeypatch):
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    answers = [(*entry, ("127.0.0.1", 1)), (*entry, ("8.8.8.8", 1))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(NotPrinted, match=r"127\.0\.0\.1, 8\.8\.8\.8, which is not within"):
        send(zpl_printer, b"x")
    assert raw_printer.connections == 0


def test_a_name_that_nobody_knows(zpl_printer):
    zpl_printer.host = "no-such-printer.invalid"
    with pytest.raises(NotPrinted, match="nobody knows that name"):
        send(zpl_printer, b"x")


def test_what_waits_for_its_waybill_is_not_printed(packed_task, packer, zpl_printer):
    with pytest.raises(Conflict, match="No waybill yet for") as caught:
        queue_labels([packed_task.pk], zpl_printer.pk, actor=packer)
    assert caught.value.data["waiting"] == [f"{packed_task.number}-1", f"{packed_task.number}-2"]
    assert not LabelPrint.objects.exists()


def test_what_was_cancelled_in_the_queue_is_not_printed(labelled_task, packer, zpl_printer, raw_printer):
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    cancel_packing_task(labelled_task.pk, "no", actor=ACTOR)
    printing.print_queued(zpl_printer.pk)
    assert raw_printer.connections == 0
    assert [(status, error[:16]) for status, error in states()] == [("failed", "It was cancelled")] * 2


def test_two_workers_do_not_print_the_same(labelled_task, packer, zpl_printer):
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    first = claim_label_print(zpl_printer.pk, actor=ACTOR)
    assert first is not None
    assert claim_label_print(zpl_printer.pk, actor=ACTOR) is None
    record_label_print(first.row.pk, "", actor=ACTOR)
    second = claim_label_print(zpl_printer.pk, actor=ACTOR)
    assert second is not None
    assert (second.row.pk, [status for status, _ in states()]) == (first.row.pk + 1, ["printed", "sending"])


def test_two_workers_at_one_moment(labelled_task, packer, zpl_printer, raw_printer):
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    outcomes = race([lambda: claim_label_print(zpl_printer.pk, actor=ACTOR)] * 4)
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert len([outcome for outcome in outcomes if outcome.value is not None]) == 1


def test_a_worker_that_died_leaves_a_label_that_says_so(labelled_task, packer, zpl_printer, raw_printer):
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    claim_label_print(zpl_printer.pk, actor=ACTOR)
    sweep_label_prints()
    assert [status for status, _ in states()] == ["sending", "queued"]
    assert raw_printer.connections == 0
    LabelPrint.objects.filter(status="sending").update(claimed_at=timezone.now() - timedelta(minutes=4))
    sweep_label_prints()
    # The one that he had is not sent again; the others are.
    assert [(status, error[:39]) for status, error in states()] == [("failed", "It is not known whether it was printed."), ("printed", "")]
    assert len(raw_printer.wait_for(1)) == 1


def test_a_slow_printer_is_at_work(labelled_task, packer, zpl_printer, raw_printer, settings):
    """Each label has its own time: the sweep does not call the last ones unknown while the first ones come out."""
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    first = claim_label_print(zpl_printer.pk, actor=ACTOR)
    LabelPrint.objects.filter(status="sending").update(claimed_at=timezone.now() - timedelta(minutes=2, seconds=50))
    record_label_print(first.row.pk, "", actor=ACTOR)
    claim_label_print(zpl_printer.pk, actor=ACTOR)
    give_up_label_prints(actor=ACTOR)
    assert [status for status, _ in states()] == ["printed", "sending"]
    # A house that gives its printers more time gives it here too.
    settings.PRINTER_TIMEOUT_SECONDS = 120
    LabelPrint.objects.filter(status="sending").update(claimed_at=timezone.now() - timedelta(minutes=5))
    assert give_up_label_prints(actor=ACTOR) == 0
    settings.PRINTER_TIMEOUT_SECONDS = 5
    assert give_up_label_prints(actor=ACTOR) == 1


def test_a_label_that_can_not_be_drawn_does_not_hold_up_the_others(labelled_task, packer, zpl_printer, raw_printer, monkeypatch):
    first = labelled_task.packages.first()
    drawn: list[bool] = []

    def no_such_picture(self: PackageLabel, label_format: str) -> bytes:
        drawn.append(connection.in_atomic_block)
        if self.package.pk == first.pk:
            raise ValueError("no such glyph")
        return rendered(self, label_format)

    rendered = PackageLabel.rendered
    monkeypatch.setattr(PackageLabel, "rendered", no_such_picture)
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    sweep_label_prints()
    assert len(raw_printer.wait_for(1)) == 1
    [(failed, error), printed] = states()
    assert (failed, "can't be drawn (ValueError)" in error, printed) == ("failed", True, ("printed", ""))
    assert drawn == [False, False]  # no row is locked while a label is drawn


def test_what_nobody_printed_for_long_is_not_printed_later(labelled_task, packer, zpl_printer, raw_printer):
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    LabelPrint.objects.update(requested_at=timezone.now() - timedelta(minutes=11))
    sweep_label_prints()
    assert [(status, error) for status, error in states()] == [("failed", "No worker printed it in time. Print again.")] * 2
    assert raw_printer.connections == 0


def test_which_printer_and_who(labelled_task, packer, zpl_printer):
    other = Printer.objects.create(warehouse=reachable_site().warehouse, name="Far", host="127.0.0.1")
    with pytest.raises(ValidationFailed, match="is elsewhere"):
        queue_labels([labelled_task.pk], other.pk, actor=packer)
    with pytest.raises(NotFound):
        queue_labels([labelled_task.pk], 10**9, actor=packer)
    with pytest.raises(NotFound):
        queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer, package_id=10**9)
    with pytest.raises(NotFound):
        queue_labels([labelled_task.pk, 10**9], zpl_printer.pk, actor=packer)
    with pytest.raises(PermissionDenied):
        queue_labels([labelled_task.pk], zpl_printer.pk, actor=person(Role.PICKER))
    change_printer(zpl_printer.pk, {"is_active": False}, actor=ACTOR)
    with pytest.raises(Conflict, match="not in use"):
        queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    change_printer(zpl_printer.pk, {"is_active": True}, actor=ACTOR)
    cancel_packing_task(labelled_task.pk, "no", actor=ACTOR)
    with pytest.raises(TransitionRefused):
        queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)


def test_printers_are_kept(place, labelled_task, packer, zpl_printer):
    made = create_printer({"warehouse_id": place.warehouse.pk, "name": " Bench 2 ", "host": "127.0.0.1"}, actor=ACTOR)
    assert (made.name, made.port, made.label_format, made.version) == ("Bench 2", 9100, "zpl", 1)
    with pytest.raises(Conflict, match="has a printer Bench 2 already"):
        create_printer({"warehouse_id": place.warehouse.pk, "name": "Bench 2", "host": "127.0.0.1"}, actor=ACTOR)
    assert change_printer(made.pk, {"port": 9101}, actor=ACTOR, expected_version=1).version == 2
    with pytest.raises(StaleVersion):
        change_printer(made.pk, {"port": 9101}, actor=ACTOR, expected_version=1)
    for values in ({"host": "8.8.8.8"}, {"host": "bad host"}, {"host": ""}, {"port": 0}, {"label_format": "epl"}, {"name": " "}):
        with pytest.raises(ValidationFailed):
            change_printer(made.pk, values, actor=ACTOR)
    with pytest.raises(PermissionDenied):
        create_printer({}, actor=packer)
    delete_printer(made.pk, actor=ACTOR)
    queue_labels([labelled_task.pk], zpl_printer.pk, actor=packer)
    with pytest.raises(Conflict, match="Take it out of use"):
        delete_printer(zpl_printer.pk, actor=ACTOR)


@pytest.mark.parametrize("host", ["printer-1", "zebra.warehouse.local", "a.b.", "127.0.0.1", "x" * 63])
def test_hosts_that_may_be_printers(settings, host):
    settings.PRINTER_NETWORKS = [ip_network("127.0.0.0/8")]
    assert judge_host(host) == ""


@pytest.mark.parametrize("host", ["", "-x", "a b", "http://x", "x/y", "x:9100", "user@x", "8.8.8.8", "::1", "ж", "a..b", "x\r\nSET", "x" * 64])
def test_hosts_that_may_not(settings, host):
    settings.PRINTER_NETWORKS = [ip_network("127.0.0.0/8")]
    assert judge_host(host)


@pytest.mark.parametrize("count", [1, 3])
def test_statements_do_not_grow_with_the_labels(make_packed, packer, zpl_printer, count):
    tasks = [make_packed(str(number), packages=2) for number in range(count)]
    ask_carrier()
    with CaptureQueriesContext(connection) as queries:
        queue_labels([task.pk for task in tasks], zpl_printer.pk, actor=packer)
    assert len(queries) - 2 == 5
    with CaptureQueriesContext(connection) as queries:
        claim_label_print(zpl_printer.pk, actor=ACTOR)
    assert len(queries) - 2 == 6
