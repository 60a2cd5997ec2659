"""Triggers that keep what is written once from being changed."""

from __future__ import annotations

from collections.abc import Iterable

import pgtrigger

# The one privileged way round, for archiving: a session sets it, and the server's log shows who did (log the role that may).
ARCHIVING = "current_setting('wms.archiving', true) = 'on'"


# What such a trigger does; `reconcile_stock` proves that it still does.
REFUSE = f"""
        IF {ARCHIVING} THEN
            RAISE LOG 'wms: % of % while archiving by %', TG_OP, TG_TABLE_NAME, session_user;
            IF TG_LEVEL = 'STATEMENT' THEN RETURN NULL; END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'wms: % is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    """


def append_only(name: str, *, changing: Iterable[str] | None = None) -> list[pgtrigger.Trigger]:
    """Refuse UPDATE (of these columns only, if named), DELETE and TRUNCATE of a table, unless the session has `wms.archiving` set to on."""
    update = pgtrigger.UpdateOf(*changing) if changing else pgtrigger.Update
    return [
        pgtrigger.Trigger(name=f"{name}_keep_row", when=pgtrigger.Before, operation=update | pgtrigger.Delete, func=REFUSE),
        pgtrigger.Trigger(name=f"{name}_keep_all", when=pgtrigger.Before, level=pgtrigger.Statement, operation=pgtrigger.Truncate, func=REFUSE),
    ]
