"""The values that the columns of stock synchronisation may have, with the groups that rules speak of beside them."""

from django.db.models import TextChoices


class ChannelKind(TextChoices):
    ALLEGRO_MICROSERVICE = "allegro_microservice", "Allegro microservice"
    ALLEGRO_REST = "allegro_rest", "Allegro REST"


# Where listings can be told a quantity.
KINDS_WITH_QUANTITIES = {ChannelKind.ALLEGRO_REST}


class ChannelMode(TextChoices):
    """Off: nothing is read. Shadow: orders are read and it is said what would be done, nothing is deducted and nothing told. On: all of it."""

    OFF = "off", "off"
    SHADOW = "shadow", "shadow"
    ON = "on", "on"


class Fulfilment(TextChoices):
    """Who sends the orders of a channel to the customers."""

    WAREHOUSE = "warehouse", "this warehouse"
    ELSEWHERE = "elsewhere", "somebody else"


class RemoteState(TextChoices):
    """What an order's status at the marketplace means for stock."""

    WAITING = "waiting", "not ready yet"
    READY = "ready", "ready"
    CANCELLED = "cancelled", "cancelled"


class OperationType(TextChoices):
    DEDUCTION = "deduction", "deduction"
    REFUND = "refund", "refund"
    ADJUSTMENT = "adjustment", "adjustment"


class OperationStatus(TextChoices):
    PENDING = "pending", "pending"
    PROCESSING = "processing", "processing"
    COMPLETED = "completed", "completed"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"
    ROLLED_BACK = "rolled_back", "rolled back"


# Something is still to be told to the marketplace.
OPEN_OPERATIONS = {OperationStatus.PENDING, OperationStatus.PROCESSING}
# The marketplace was not told, and no worker is at it: a person may have it told again, or not at all.
UNTOLD_OPERATIONS = {OperationStatus.PENDING, OperationStatus.FAILED}
# Nothing will happen to them any more; they are deleted after a while.
CLOSED_OPERATIONS = {OperationStatus.COMPLETED, OperationStatus.CANCELLED, OperationStatus.ROLLED_BACK}


class LogAction(TextChoices):
    """The steps of an operation, by the names that the log has always had."""

    CREATED = "created", "created"
    RETRY = "retry", "tried again"
    SYNC_SUCCESS = "sync_success", "the marketplace took it"
    SYNC_FAILED = "sync_failed", "the marketplace refused it"
    SYNC_ERROR = "sync_error", "the marketplace gave no answer"
    RETRY_FAILED = "retry_failed", "waits for the next try"
    MAX_RETRIES = "max_retries", "tried often enough"
    COMPLETED = "completed", "completed"
    FAILED = "failed", "failed"
    ERROR = "error", "a defect of ours"
    MANUAL_RETRY = "manual_retry", "tried again by hand"
    REOPENED = "reopened", "told again: it was forgotten"
    CANCELLED = "cancelled", "cancelled"
    ROLLBACK_ASKED = "rollback_asked", "to be rolled back"
    ROLLBACK_REFUSED = "rollback_refused", "can't be rolled back"
    ROLLED_BACK = "rolled_back", "rolled back"


class DiscrepancyKind(TextChoices):
    """Where the two sides differ, or why an order waits for a person."""

    NO_SKU = "no_sku", "a line without a SKU that we know"
    NO_STOCK = "no_stock", "not enough stock"
    NOT_ACKNOWLEDGED = "not_acknowledged", "deducted here, not known there"
    NOT_DEDUCTED = "not_deducted", "known as deducted there, not deducted here"
    UNKNOWN_THERE = "unknown_there", "not known there"
    UNREADABLE = "unreadable", "can't be read"
    REFUSED = "refused", "refused by the warehouse"
    GIVEN_UP = "given_up", "not taken after all tries"
    AFTER_SHIPPING = "after_shipping", "changed or cancelled there, shipped here"
    LEVEL = "level", "another quantity is shown than was sent"


class Resolution(TextChoices):
    """What a person can do about a discrepancy."""

    RETRY = "retry", "tell the marketplace again"
    DEDUCT = "deduct", "deduct it now"
    ROLL_BACK = "roll_back", "give the goods back"
    PUSH = "push", "send the quantity again"
    ACCEPT = "accept", "leave it as it is"


class CommandStatus(TextChoices):
    """A quantity on its way to a listing."""

    PENDING = "pending", "not sent yet"
    ACCEPTED = "accepted", "accepted, not done yet"
    SUCCEEDED = "succeeded", "done"
    FAILED = "failed", "failed"
    SUPERSEDED = "superseded", "a newer one went first"


OPEN_COMMANDS = {CommandStatus.PENDING, CommandStatus.ACCEPTED}
