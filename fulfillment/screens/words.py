"""Fulfilment's errors in the language of those who pick and pack."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

WORDS = {
    "wrong_scan": (_("Wrong scan"), _("Nothing was changed. Scan again.")),
    "surplus": (_("Too much"), _("There is more than the task needs. Keep the rest apart.")),
    "work_left": (_("Not finished yet"), _("Do what is still open first.")),
    "unfit_now": (_("These goods may not leave"), _("They are expired, on hold or recalled. Press “Not enough” and go on.")),
}
