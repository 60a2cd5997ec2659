"""Bars for the pages of the back office; Unfold draws them from what `templates/admin/chart.html` gives the canvas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

COLOURS = ["var(--color-primary-600)", "var(--color-primary-300)", "var(--color-base-400)"]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over labels; one series per name. `summary` says the same in words for who can't see them."""

    title: str
    data: str
    options: str
    summary: str


def bars(title: str, series: Mapping[str, Mapping[str, float]], *, sideways: bool = False, stacked: bool = False) -> Chart:
    """A chart of these series, each a value by label. `stacked`: on top of each other, as parts of a whole."""
    labels = list(dict.fromkeys(label for values in series.values() for label in values))
    datasets = [
        {"label": name, "data": [values.get(label, 0) for label in labels], "backgroundColor": COLOURS[n % len(COLOURS)], "borderRadius": 4}
        for n, (name, values) in enumerate(series.items())
    ]
    told = "; ".join(f"{label}: {value:g} {name}" for name, values in series.items() for label, value in values.items() if value)
    numbers = {"beginAtZero": True, "ticks": {"precision": 0}, "grid": {}, "stacked": stacked}
    names = {"grid": {"display": False}, "stacked": stacked}
    options = {
        "responsive": True,
        "maintainAspectRatio": False,
        "animation": False,
        "indexAxis": "y" if sideways else "x",
        "plugins": {"legend": {"display": len(series) > 1}},
        "scales": {"x": numbers, "y": names} if sideways else {"x": names, "y": numbers},
    }
    return Chart(title, json.dumps({"labels": labels, "datasets": datasets}), json.dumps(options), told or "nothing")
