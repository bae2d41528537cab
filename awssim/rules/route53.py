"""Route 53 applies a batch whole or not at all, and takes a while to tell its name servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from awssim.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule

SYNC_SECONDS = 30

_Key = tuple[str, str, str | None]


class Route53:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changes = Lifecycle(clock)
        self._submitted: dict[str, Any] = {}
        self._references: set[str] = set()
        self.rules: Mapping[str, Rule] = {
            "route53.CreateHostedZone": self._create_zone,
            "route53.ChangeResourceRecordSets": self._change,
            "route53.GetChange": self._get_change,
        }

    def _create_zone(self, request: Request, proceed: Proceed) -> Response:
        reference = request.parameters["CallerReference"]
        if reference in self._references:
            request.refuse(
                "HostedZoneAlreadyExists", f"A zone was created with {reference}", status=409
            )
        response = proceed(request)
        self._references.add(reference)
        return {**response, "ChangeInfo": self._submit()}

    def _change(self, request: Request, proceed: Proceed) -> Response:
        records = _records(request, request.parameters["HostedZoneId"])
        problems = [
            problem
            for change in request.parameters["ChangeBatch"]["Changes"]
            if (problem := _apply(change, records))
        ]
        if problems:
            request.refuse("InvalidChangeBatch", f"[{', '.join(problems)}]")
        return {**proceed(request), "ChangeInfo": self._submit()}

    def _get_change(self, request: Request, _proceed: Proceed) -> Response:
        identifier = request.parameters["Id"].rpartition("/")[2]
        if identifier not in self._submitted:
            request.refuse("NoSuchChange", f"No change with id {identifier}", status=404)
        return {"ChangeInfo": self._document(identifier)}

    def _submit(self) -> dict[str, Any]:
        """Ids of our own: moto gives every change the same one."""
        identifier = f"C{len(self._submitted) + 1:013d}"
        self._submitted[identifier] = self._clock.now()
        self._changes.begin(identifier, "PENDING", "INSYNC", seconds=SYNC_SECONDS)
        return self._document(identifier)

    def _document(self, identifier: str) -> dict[str, Any]:
        return {
            "Id": f"/change/{identifier}",
            "Status": self._changes.state(identifier),
            "SubmittedAt": self._submitted[identifier],
        }


def _records(request: Request, zone_id: str) -> dict[_Key, dict[str, Any]]:
    records: dict[_Key, dict[str, Any]] = {}
    page = request.ask("ListResourceRecordSets", HostedZoneId=zone_id)
    while True:
        records |= {_key(record): record for record in page["ResourceRecordSets"]}
        if not page["IsTruncated"]:
            return records
        page = request.ask(
            "ListResourceRecordSets",
            HostedZoneId=zone_id,
            StartRecordName=page["NextRecordName"],
            StartRecordType=page["NextRecordType"],
        )


def _apply(change: dict[str, Any], records: dict[_Key, dict[str, Any]]) -> str | None:
    """Plays one change on `records`; what is wrong with it, in AWS's words, or None."""
    record = change["ResourceRecordSet"]
    key = _key(record)
    what = f"resource record set [name='{key[0]}', type='{key[1]}']"
    if change["Action"] == "CREATE" and key in records:
        return f"Tried to create {what} but it already exists"
    if change["Action"] != "DELETE":
        records[key] = record
        return None
    existing = records.pop(key, None)
    if existing is None:
        return f"Tried to delete {what} but it was not found"
    if _content(existing) != _content(record):
        return f"Tried to delete {what} but the values provided do not match the current values"
    return None


def _key(record: dict[str, Any]) -> _Key:
    return record["Name"].rstrip(".").lower() + ".", record["Type"], record.get("SetIdentifier")


def _content(record: dict[str, Any]) -> tuple[Any, ...]:
    values = sorted(value["Value"] for value in record.get("ResourceRecords", []))
    return record.get("TTL"), values, record.get("AliasTarget")
