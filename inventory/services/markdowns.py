"""Automatic markdown: when what would be sold first has little of its life left, its pages cost less, by steps, until fresh goods are first again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from django.utils import timezone

from inventory.enums import DiscountKind, DiscountReason
from inventory.locks import lock_listings
from inventory.models import Discount, MarkdownStep
from inventory.queries.freshness import markdowns_due
from inventory.services.catalogue import Same, Values, change_row, create_row, delete_row
from inventory.services.pricing import NewPrice, write_prices
from warehouse.core.actor import Actor
from warehouse.core.jobs import in_parts, one_by_one
from warehouse.core.transactions import operation

AT_ONCE = 500


@operation()
def create_markdown_step(values: Values, *, actor: Actor) -> MarkdownStep:
    """Add a step; prices follow with the next run of the job. Raises Conflict when the storefront has one at this freshness."""
    return create_row(MarkdownStep, values)


@operation()
def change_markdown_step(step_id: int, values: Values, *, actor: Actor, same: Same = None) -> MarkdownStep:
    """Set the values; prices follow with the next run of the job. Locks the step; raises NotFound, StaleVersion, Conflict."""
    return change_row(MarkdownStep, step_id, values, same)


@operation()
def delete_markdown_step(step_id: int, *, actor: Actor) -> None:
    """Take the step out; prices follow with the next run of the job. Raises NotFound."""
    delete_row(MarkdownStep, step_id)


def mark_down(*, actor: Actor) -> int:
    """The job: begin, change and end the markdowns of all pages, some at a time, each lot in its own transaction.

    Reads without locks what is to change and lets `mark_down_pages` judge again. Returns how many pages it changed. A lot that is busy stays for the
    next run and does not keep the others waiting.
    """
    due = [page.listing_id for page in markdowns_due()]
    return one_by_one(partial(mark_down_pages, actor=actor), in_parts(due, AT_ONCE), told="mark pages down")


@operation()
def mark_down_pages(listing_ids: Sequence[int], *, actor: Actor) -> int:
    """Give these pages the markdown that the steps ask for now: a running one of another size ends, the right one begins. Returns how many changed.

    Locks the pages. Emits inventory.price.changed for each whose price after discounts changes. Five statements for any number of pages.
    """
    pages = lock_listings(listing_ids)
    due = markdowns_due(pages)
    now = timezone.now()
    changed = [page.listing_id for page in due]
    Discount.objects.filter(storefront_product__in=changed, automatic=True, valid_to=None).update(valid_to=now)
    Discount.objects.bulk_create(
        Discount(
            storefront_product=pages[page.listing_id],
            kind=DiscountKind.PERCENT,
            value=Decimal(page.percent),
            reason=DiscountReason.EXPIRING_SOON,
            valid_from=now,
            automatic=True,
        )
        for page in due
        if page.percent is not None
    )
    write_prices([NewPrice.unchanged(pages[pk]) for pk in changed], reason="markdown by freshness", actor=actor)
    return len(changed)
