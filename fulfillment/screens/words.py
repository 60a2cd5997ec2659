"""Fulfilment's errors in the language of those who pick and pack."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

WORDS = {
    "wrong_scan": (_("Wrong scan"), _("Nothing was changed. Scan again.")),
    "surplus": (_("Too much"), _("There is more than the task needs. Keep the rest apart.")),
    "weight_differs": (_("The weight does not fit"), _("Look what is in the box: something is missing, too much, or was mistaken.")),
    "no_waybill": (_("No waybill yet"), _("Wait until the carrier has answered, then print.")),
    "work_left": (_("Not finished yet"), _("Do what is still open first.")),
    "too_long_out": (_("Too long out of the cold"), _("These goods may not be sold any more. Press “Not fit” and bring them to quarantine.")),
    "unfit_now": (_("These goods may not leave"), _("They are expired, on hold or recalled. Press “Not enough” and go on.")),
}
