"""What each role sees and changes in the admin: one table, deny by default.

A model that is not in the table does not exist for anybody. Steps of documents (confirm, cancel, …) are not in it: their operation says
who may call it. Sellers, where a row of the table admits them, see the rows of their own sites only (`inventory.admin.base`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from warehouse.core.actor import Actor, Role

Roles = frozenset[Role]
Verb = Literal["view", "add", "change", "delete"]

NOBODY: Roles = frozenset()
MANAGER: Roles = frozenset({Role.MANAGER})
READERS: Roles = MANAGER | {Role.AUDITOR, Role.VIEWER}
RECEIVERS: Roles = MANAGER | {Role.RECEIVER}
WRITERS_OFF: Roles = RECEIVERS | {Role.SELLER}
AUDITORS: Roles = MANAGER | {Role.AUDITOR}
FLOOR: Roles = READERS | {Role.RECEIVER, Role.PICKER, Role.PACKER}
WITH_SELLERS: Roles = FLOOR | {Role.SELLER}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what with the rows of a model. Nobody means nobody, not even a manager: such rows change by operations only."""

    view: Roles = READERS
    add: Roles = NOBODY
    change: Roles = NOBODY
    delete: Roles = NOBODY

    def allows(self, verb: Verb, actor: Actor) -> bool:
        allowed: Roles = getattr(self, verb)
        return bool(actor.roles & allowed)


LEDGER = Access(view=READERS)
CATALOGUE = Access(view=WITH_SELLERS, add=MANAGER, change=MANAGER)
PARTS = Access(view=WITH_SELLERS, add=MANAGER, change=MANAGER, delete=MANAGER)
SYSTEM = Access(view=MANAGER)
SYNC = Access(view=MANAGER | {Role.VIEWER})
MANAGED = Access(view=MANAGER, add=MANAGER, change=MANAGER, delete=MANAGER)

ACCESS: dict[str, Access] = {
    "inventory.product": CATALOGUE,
    "inventory.shelflife": PARTS,
    "inventory.barcode": PARTS,
    "inventory.storefrontproduct": Access(view=FLOOR, add=MANAGER, change=MANAGER, delete=MANAGER),
    "inventory.discount": Access(view=FLOOR),
    "inventory.pricechange": Access(view=READERS),
    "inventory.markdownstep": Access(view=READERS, add=MANAGER, change=MANAGER, delete=MANAGER),
    "inventory.storefront": Access(view=READERS, add=MANAGER, change=MANAGER),
    "inventory.supplier": Access(view=RECEIVERS | READERS, add=MANAGER, change=MANAGER),
    "inventory.seller": Access(view=MANAGER, add=MANAGER, change=MANAGER),
    "inventory.warehouse": CATALOGUE,
    "inventory.location": CATALOGUE,
    "inventory.batch": Access(view=FLOOR),
    "inventory.batchcomponent": Access(view=FLOOR),
    "inventory.batchlocation": Access(view=WITH_SELLERS),
    "inventory.mixedbatch": Access(view=FLOOR),
    "inventory.offlinesale": Access(view=READERS | {Role.SELLER}, add=MANAGER),
    "inventory.stock": Access(view=WITH_SELLERS),
    "inventory.movement": Access(view=READERS | {Role.SELLER}),
    "inventory.reservation": Access(view=READERS | {Role.PICKER}),
    "inventory.reservationitem": Access(view=READERS | {Role.PICKER}),
    "inventory.receiving": Access(view=RECEIVERS | READERS, add=RECEIVERS, change=RECEIVERS),
    "inventory.receivingitem": Access(view=RECEIVERS | READERS, add=RECEIVERS, change=RECEIVERS, delete=RECEIVERS),
    "inventory.transfer": Access(view=RECEIVERS | READERS, add=RECEIVERS, change=RECEIVERS),
    "inventory.transferitem": Access(view=RECEIVERS | READERS),
    "inventory.return": Access(view=RECEIVERS | READERS, add=RECEIVERS, change=RECEIVERS),
    "inventory.returnitem": Access(view=RECEIVERS | READERS),
    "inventory.writeoff": Access(view=READERS | WRITERS_OFF, add=WRITERS_OFF, change=WRITERS_OFF),
    "inventory.writeoffitem": Access(view=READERS | WRITERS_OFF, add=WRITERS_OFF, change=WRITERS_OFF, delete=WRITERS_OFF),
    "inventory.audit": Access(view=READERS, add=AUDITORS, change=AUDITORS),
    "inventory.auditline": Access(view=READERS),
    "inventory.countrequest": Access(view=READERS | {Role.RECEIVER, Role.PICKER}),
    "inventory.alert": Access(view=READERS | {Role.RECEIVER, Role.SELLER}),
    "inventory.alertmessage": SYSTEM,
    "fulfillment.order": Access(view=READERS | {Role.PICKER, Role.PACKER}),
    "fulfillment.orderline": Access(view=READERS | {Role.PICKER, Role.PACKER}),
    "fulfillment.missinggoods": Access(view=READERS | {Role.PICKER, Role.PACKER}),
    "fulfillment.orderdisagreement": Access(view=READERS),
    "fulfillment.sweepcursor": Access(view=READERS),
    "fulfillment.statusreport": Access(view=READERS),
    "fulfillment.pickingbatch": Access(view=READERS | {Role.PICKER}),
    "fulfillment.wave": Access(view=READERS | {Role.PICKER}, add=MANAGER),
    "fulfillment.pickingtask": Access(view=READERS | {Role.PICKER}),
    "fulfillment.pickingtaskitem": Access(view=READERS | {Role.PICKER}),
    "fulfillment.packingtask": Access(view=READERS | {Role.PACKER}),
    "fulfillment.packingtaskitem": Access(view=READERS | {Role.PACKER}),
    "fulfillment.package": Access(view=READERS | {Role.PACKER}),
    "fulfillment.boxtype": Access(view=READERS | {Role.PACKER}, add=MANAGER, change=MANAGER, delete=MANAGER),
    "fulfillment.shipment": Access(view=READERS | {Role.PACKER}),
    "fulfillment.printer": Access(view=READERS | {Role.PACKER}, add=MANAGER, change=MANAGER, delete=MANAGER),
    "fulfillment.labelprint": Access(view=READERS | {Role.PACKER}),
    "fulfillment.qualitycheck": Access(view=READERS | {Role.PACKER}),
    "fulfillment.qualitycheckitem": Access(view=READERS | {Role.PACKER}),
    "fulfillment.qualityrule": Access(view=READERS | {Role.PACKER}, add=MANAGER, change=MANAGER, delete=MANAGER),
    "fulfillment.walksettings": Access(view=READERS | {Role.PICKER}, add=MANAGER, change=MANAGER, delete=MANAGER),
    "fulfillment.putback": Access(view=FLOOR),
    "fulfillment.deliveryprovider": Access(view=READERS | {Role.PACKER}, add=MANAGER, change=MANAGER),
    "stocksync.channel": Access(view=MANAGER | {Role.VIEWER}, add=MANAGER, change=MANAGER),
    "stocksync.channelcredentials": SYSTEM,
    "stocksync.channelorder": SYNC,
    "stocksync.channelorderline": SYNC,
    "stocksync.pendingstockoperation": SYNC,
    "stocksync.stocksynchronizationlog": SYNC,
    "stocksync.discrepancy": SYNC,
    "stocksync.listinglevel": SYNC,
    "stocksync.levelcommand": SYNC,
    "stocksync.syncreport": SYNC,
    "outbox.outboxevent": SYSTEM,
    "outbox.subscription": SYSTEM,
    "outbox.inboxentry": SYSTEM,
    "outbox.idempotencykey": SYSTEM,
    "accounts.user": Access(view=MANAGER, add=MANAGER, change=MANAGER),
    "knox.authtoken": Access(view=MANAGER, add=MANAGER, delete=MANAGER),
    "axes.accessattempt": Access(view=MANAGER, delete=MANAGER),
    "django_celery_beat.periodictask": MANAGED,
    "django_celery_beat.intervalschedule": MANAGED,
    "django_celery_beat.crontabschedule": MANAGED,
}


def may(actor: Actor, verb: Verb, label: str) -> bool:
    """Whether the actor may view, add, change or delete rows of the model with this label (`app.model`, lower case)."""
    return label in ACCESS and ACCESS[label].allows(verb, actor)
