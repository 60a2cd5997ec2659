"""What comes first where the best of several rows is asked for."""

from __future__ import annotations

from django.db.models import Case, IntegerField, Value, When

# Most urgent first: by priority, then ship-by (PostgreSQL puts those without one last), then age.
BY_URGENCY = ("urgency", "ship_by", "pk")


def ranked(*states: str) -> Case:
    """For `order_by`: rows in the first state, then those in the second, and so on; all others last."""
    return Case(*(When(status=state, then=Value(rank)) for rank, state in enumerate(states)), default=Value(len(states)), output_field=IntegerField())
