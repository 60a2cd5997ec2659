"""Allegro's offers: what they show to buyers, and the commands that change them some time after they were given."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.partners.allegro_account import AllegroAccount, needed, refuse, stamp
from tests.partners.base import Answer, Refused, Request, route

QUANTITY, PUBLICATION = "quantity", "publication"
MOST_OFFERS = 1_000


class AllegroOffers(AllegroAccount):
    """Offers and commands. A command is done when its summary was asked for more than `slowness` times; None: only by `finish`."""

    slowness: int | None = 0

    def put_offer(self, offer_id: str | int, quantity: int, *, sku: str | None = None, status: str = "ACTIVE", name: str = "") -> dict[str, Any]:
        """Make an offer known, or change it as the seller would by hand."""
        with self.lock:
            offer = self.ledger.last("offers", "id", str(offer_id)) or {
                "id": str(offer_id),
                "name": name or f"Offer {offer_id}",
                "external": None if sku is None else {"id": sku},
                "sellingMode": {"format": "BUY_NOW", "price": {"amount": "19.99", "currency": "PLN"}},
            }
            return self._write_offer(offer | {"publication": {"status": status}}, quantity)

    def offer(self, offer_id: str | int) -> dict[str, Any]:
        """The offer as it stands. Raises Refused (404) for one that the seller does not have."""
        offer = self.ledger.last("offers", "id", str(offer_id))
        if offer is None:
            raise refuse(404, "OfferNotFound", f"There is no offer {offer_id}.")
        return offer

    def shown(self, offer_id: str | int) -> tuple[int, str]:
        """What an offer shows: its quantity and the status of its publication."""
        offer = self.offer(offer_id)
        return offer["stock"]["available"], offer["publication"]["status"]

    def fail_offer(self, offer_id: str | int, message: str | None) -> None:
        """Let commands fail for this offer with this reason; None: no more."""
        self.ledger.append("failing", {"offer": str(offer_id), "message": message})

    def commands(self, kind: str = QUANTITY) -> list[dict[str, Any]]:
        """The commands that were accepted, oldest first."""
        return [row for row in self.ledger.table("commands") if row["kind"] == kind]

    def finish(self, command_id: str | UUID, *offer_ids: str | int) -> None:
        """Do a command now, or its part for some of its offers only."""
        with self.lock:
            command = self._command(str(command_id))
            done = {task["offer"]["id"]: task for task in self._tasks(command)}
            for offer_id in map(str, offer_ids or command["offers"]):
                if done[offer_id]["status"] == "NEW":
                    done[offer_id] = self._do(command, offer_id)
            self.ledger.append("results", {"id": command["id"], "tasks": list(done.values())})

    @route("GET", "/sale/product-offers/{offer_id}")
    def get_offer(self, request: Request, offer_id: str) -> Answer:
        """An offer of the seller."""
        return Answer(data=self.offer(offer_id))

    @route("PUT", "/sale/offer-quantity-change-commands/{command_id}")
    def put_quantity_command(self, request: Request, command_id: str) -> Answer:
        """Accept a change of quantities."""
        modification = request.json().get("modification")
        if (
            not isinstance(modification, dict)
            or modification.get("changeType") not in {"FIXED", "GAIN"}
            or type(modification.get("value")) is not int
        ):
            raise refuse(422, "ConstraintViolationException.Modification", "modification must have a changeType and a whole value.")
        if modification["changeType"] == "FIXED" and not 0 <= modification["value"] <= 99_999:
            raise refuse(422, "ConstraintViolationException.Modification.Value", "value must be from 0 to 99999.")
        return self._accept(request, QUANTITY, command_id, modification)

    @route("PUT", "/sale/offer-publication-commands/{command_id}")
    def put_publication_command(self, request: Request, command_id: str) -> Answer:
        """Accept that offers are to be put on sale, or to be ended."""
        publication = request.json().get("publication")
        if not isinstance(publication, dict) or publication.get("action") not in {"ACTIVATE", "END"}:
            raise refuse(422, "ConstraintViolationException.Publication", "publication.action must be ACTIVATE or END.")
        return self._accept(request, PUBLICATION, command_id, publication)

    @route("GET", "/sale/offer-{kind}-commands/{command_id}")
    def get_command(self, request: Request, kind: str, command_id: str) -> Answer:
        """The summary: zeros until somebody counts."""
        with self.lock:
            command = self._command(command_id)
            looked = self.ledger.last("looks", "id", command["id"])
            asked = looked["count"] if looked else 0
            self.ledger.append("looks", {"id": command["id"], "count": asked + 1})
            if self.slowness is not None and asked >= self.slowness:
                self.finish(command_id)
            return Answer(data=self._summary(command))

    @route("GET", "/sale/offer-{kind}-commands/{command_id}/tasks")
    def get_tasks(self, request: Request, kind: str, command_id: str) -> Answer:
        """The report, offer by offer; a hundred unless more are asked for."""
        limit, offset = (int(request.query.get(name, [default])[0]) for name, default in (("limit", "100"), ("offset", "0")))
        with self.lock:
            command = self._command(command_id)
            counted = self.ledger.last("results", "id", command["id"])
            return Answer(data={"tasks": self._tasks(command)[offset : offset + limit] if counted else []})

    @route("POST", "/_control/offers")
    def control_offer(self, request: Request) -> Answer:
        """Make an offer known: `{"id": …, "quantity": 5, "sku": …, "status": "ACTIVE"}`."""
        body = request.json()
        return Answer(
            201, self.put_offer(needed(body, "id"), int(needed(body, "quantity")), sku=body.get("sku"), status=body.get("status", "ACTIVE"))
        )

    @route("POST", "/_control/commands")
    def control_command(self, request: Request) -> Answer:
        """Do a command now: `{"id": …}`."""
        self.finish(needed(request.json(), "id"))
        return Answer(204)

    @route("POST", "/_control/failing")
    def control_failing(self, request: Request) -> Answer:
        """Let commands fail for an offer: `{"offer": …, "message": … or null}`."""
        body = request.json()
        self.fail_offer(needed(body, "offer"), body.get("message"))
        return Answer(204)

    def _accept(self, request: Request, kind: str, command_id: str, change: dict[str, Any]) -> Answer:
        try:
            UUID(command_id)
            offers = [str(offer["id"]) for criterion in request.json()["offerCriteria"] for offer in criterion["offers"]]
        except (ValueError, KeyError, TypeError) as error:
            raise refuse(422, "ConstraintViolationException", "The id must be a UUID, and offerCriteria must name offers.") from error
        if not 0 < len(offers) <= MOST_OFFERS:
            raise refuse(422, "ConstraintViolationException.OfferCriteria", f"Name 1 to {MOST_OFFERS} offers.")
        with self.lock:
            if self.ledger.last("commands", "id", command_id):
                raise refuse(409, "CommandAlreadyExists", f"The command {command_id} was given already.")
            command = {"id": command_id, "kind": kind, "change": change, "offers": offers, "at": stamp(self.clock())}
            self.ledger.append("commands", command)
            request.pause()
            return Answer(201, self._summary(command))

    def _command(self, command_id: str) -> dict[str, Any]:
        command = self.ledger.last("commands", "id", command_id)
        if command is None:
            raise refuse(404, "CommandNotFound", f"There is no command {command_id}.")
        return command

    def _tasks(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        result = self.ledger.last("results", "id", command["id"])
        if result:
            return list(result["tasks"])
        return [{"offer": {"id": offer_id}, "status": "NEW", "message": "", "errors": []} for offer_id in command["offers"]]

    def _summary(self, command: dict[str, Any]) -> dict[str, Any]:
        result = self.ledger.last("results", "id", command["id"])
        statuses = [task["status"] for task in result["tasks"]] if result else []
        counts = {"total": len(statuses), "success": statuses.count("SUCCESS"), "failed": statuses.count("FAIL")}
        return {"id": command["id"], "createdAt": command["at"], "completedAt": None, "taskCount": counts}

    def _do(self, command: dict[str, Any], offer_id: str) -> dict[str, Any]:
        """The task of one offer, done; it may have failed."""
        try:
            self._change(command, offer_id)
        except Refused as refused:
            reason = refused.answer.data["error"]
            errors = [{"code": "TaskFailed", "message": reason, "userMessage": reason, "details": None, "path": None}]
            return {"offer": {"id": offer_id}, "status": "FAIL", "message": reason, "errors": errors}
        return {"offer": {"id": offer_id}, "status": "SUCCESS", "message": "", "errors": []}

    def _change(self, command: dict[str, Any], offer_id: str) -> None:
        failing = self.ledger.last("failing", "offer", offer_id)
        if failing and failing["message"] is not None:
            raise Refused(422, failing["message"])
        offer, change = self.offer(offer_id), command["change"]
        available = offer["stock"]["available"]
        if command["kind"] == QUANTITY:
            wanted = change["value"] + (available if change["changeType"] == "GAIN" else 0)
            if wanted < 0:
                raise Refused(422, "The quantity would be below zero.")
            self._write_offer(offer, wanted)
        elif change["action"] == "END":
            self._write_offer(offer | {"publication": {"status": "ENDED", "endedBy": "USER"}}, available)
        elif available == 0:
            raise Refused(422, "An offer without a quantity can't be activated.")
        else:
            self._write_offer(offer | {"publication": {"status": "ACTIVE"}}, available)

    def _write_offer(self, offer: dict[str, Any], quantity: int) -> dict[str, Any]:
        """An offer that shows nothing any more has ended; a quantity alone does not bring it back."""
        if quantity == 0 and offer["publication"]["status"] == "ACTIVE":
            offer = offer | {"publication": {"status": "ENDED", "endedBy": "EMPTY_STOCK"}}
        return self.ledger.append("offers", offer | {"stock": {"available": quantity, "unit": "UNIT"}, "updatedAt": stamp(self.clock())})
