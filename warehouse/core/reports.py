"""What a page about an error leaves out."""

from __future__ import annotations

import re

from django.views.debug import SafeExceptionReporterFilter


class HiddenSettings(SafeExceptionReporterFilter):
    """Addresses in settings hold passwords and tokens: they are hidden as keys and tokens are."""

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|_URL", re.IGNORECASE)
