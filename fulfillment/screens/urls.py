"""The addresses of fulfilment's floor screens, below `/floor/`."""

from __future__ import annotations

from django.urls import path

from fulfillment.queries.floor import order_refs_by_scan
from fulfillment.screens import hand_over, labels, pack, pack_boxes, pick, pick_batch, pick_map, pick_other, put_back, quality, totes, words
from warehouse.core.screens import LOOKUPS, ORDER_FINDERS, WORDS

WORDS.update(words.WORDS)
ORDER_FINDERS.append(order_refs_by_scan)
LOOKUPS.append(totes.screen_of_tote)

urlpatterns = [
    path("pick", pick.start_screen, name="pick"),
    path("pick/claim", pick.claim, name="pick_claim"),
    path("pick/<int:task_id>", pick.task_screen, name="pick_task"),
    path("pick/<int:task_id>/start", pick.start, name="pick_begin"),
    path("pick/<int:task_id>/scan", pick.scan, name="pick_scan"),
    path("pick/<int:task_id>/give-up", pick.give_up, name="pick_give_up"),
    path("pick/<int:task_id>/later", pick.later, name="pick_later"),
    path("pick/<int:task_id>/undo", pick.undo, name="pick_undo"),
    path("pick/<int:task_id>/other", pick_other.screen, name="pick_other"),
    path("pick/<int:task_id>/other/scan", pick_other.scan, name="pick_other_scan"),
    path("pick/<int:task_id>/other/leave", pick_other.lay_down, name="pick_other_leave"),
    path("pick/<int:task_id>/map", pick_map.screen, name="pick_map"),
    path("pick/<int:task_id>/finish", pick.finish, name="pick_finish"),
    path("pick/batch/<int:batch_id>", pick_batch.screen, name="pick_batch"),
    path("pick/batch/<int:batch_id>/start", pick_batch.start, name="pick_batch_begin"),
    path("pick/batch/<int:batch_id>/scan", pick_batch.scan, name="pick_batch_scan"),
    path("pick/batch/<int:batch_id>/give-up", pick_batch.give_up, name="pick_batch_give_up"),
    path("pick/batch/<int:batch_id>/later", pick_batch.later, name="pick_batch_later"),
    path("pick/batch/<int:batch_id>/undo", pick_batch.undo, name="pick_batch_undo"),
    path("pick/batch/<int:batch_id>/off", pick_batch.taken_off, name="pick_batch_off"),
    path("pick/batch/<int:batch_id>/map", pick_map.batch_screen, name="pick_batch_map"),
    path("pick/batch/<int:batch_id>/finish", pick_batch.finish, name="pick_batch_finish"),
    path("quality", quality.start_screen, name="quality"),
    path("quality/claim", quality.claim, name="quality_claim"),
    path("quality/find", quality.find, name="quality_find"),
    path("quality/<int:check_id>", quality.check_screen, name="quality_check"),
    path("quality/<int:check_id>/start", quality.start, name="quality_begin"),
    path("quality/<int:check_id>/scan", quality.scan, name="quality_scan"),
    path("quality/<int:check_id>/say", quality.say, name="quality_say"),
    path("quality/<int:check_id>/photo", quality.photo, name="quality_photo"),
    path("quality/<int:check_id>/finish", quality.finish, name="quality_finish"),
    path("pack", pack.start_screen, name="pack"),
    path("pack/claim", pack.claim, name="pack_claim"),
    path("pack/find", pack.find, name="pack_find"),
    path("pack/<int:task_id>", pack.task_screen, name="pack_task"),
    path("pack/<int:task_id>/start", pack.start, name="pack_begin"),
    path("pack/<int:task_id>/scan", pack.scan, name="pack_scan"),
    path("pack/<int:task_id>/undo", pack.undo, name="pack_undo"),
    path("pack/<int:task_id>/box", pack_boxes.box, name="pack_box"),
    path("pack/<int:task_id>/box/<int:package_id>", pack_boxes.box_screen, name="pack_box_screen"),
    path("pack/<int:task_id>/box/<int:package_id>/move", pack_boxes.move, name="pack_box_move"),
    path("pack/<int:task_id>/measure/<int:package_id>", pack_boxes.measure_screen, name="pack_measure"),
    path("pack/<int:task_id>/measure/<int:package_id>/save", pack_boxes.measure, name="pack_measure_save"),
    path("pack/<int:task_id>/finish", pack.finish, name="pack_finish"),
    path("pack/<int:task_id>/shipments", pack.shipments, name="pack_shipments"),
    path("pack/<int:task_id>/labels", labels.screen, name="pack_labels"),
    path("pack/<int:task_id>/labels/state", labels.state, name="pack_label_states"),
    path("pack/<int:task_id>/labels/print", labels.print_labels, name="pack_print"),
    path("pack/<int:task_id>/labels.pdf", labels.labels_pdf, name="pack_labels_pdf"),
    path("pack/<int:task_id>/packing-slip.pdf", labels.slip_pdf, name="pack_slip"),
    path("pack/<int:task_id>/ship", pack.ship, name="pack_ship"),
    path("hand-over", hand_over.screen, name="hand_over"),
    path("hand-over/carrier", hand_over.choose, name="hand_over_choose"),
    path("hand-over/scan", hand_over.scan, name="hand_over_scan"),
    path("hand-over/undo", hand_over.undo, name="hand_over_undo"),
    path("hand-over/done", hand_over.finish, name="hand_over_finish"),
    path("put-back", put_back.screen, name="put_back"),
    path("put-back/scan", put_back.scan, name="put_back_scan"),
    path("put-back/claim", put_back.claim, name="put_back_claim"),
    path("put-back/other", put_back.other, name="put_back_other"),
]
