"""Inventory's errors in the language of those who receive, move and count."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

WORDS = {
    "place_not_allowed": (_("Not in this place"), _("This product may not be kept there. Bring it to another place.")),
    "insufficient_stock": (_("Not enough goods"), _("Somebody has moved them. Ask your shift leader.")),
    "goods_promised": (_("Promised to an order"), _("Take less, or ask your shift leader.")),
    "lot_mismatch": (_("This lot has another date"), _("Look at the label again. Take the line back and count it with the right date.")),
    "more_than_shipped": (_("More than was sent"), _("Less of it left with this order, or some has come back already. Count again.")),
    "short_dated": (_("Too short dated"), _("Take the line back and count it again with a reason, or return the goods.")),
    "unprocessable": (_("Somebody was faster"), _("Look at the screen and go on from there.")),
}
