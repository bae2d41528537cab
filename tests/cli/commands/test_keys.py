"""`lamplighter keys`, up to what the gateway itself makes of the parameters."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from clilab.keys import PATH, Stored
from gateway.core.errors import InvalidKey

if TYPE_CHECKING:
    from pathlib import Path

    from clilab.fixture_types import Run
    from mypy_boto3_dynamodb.service_resource import Table

ALICE = ("keys", "create", "prod", "--name", "alice")
ROTATE = ("keys", "rotate", "prod", "--name", "alice")
ASKING = ("keys", "revoke", "prod", "--name", "alice")
REVOKE = (*ASKING, "--yes")


@pytest.fixture
def stored(serving: Table, tmp_path: Path) -> Stored:
    """The keys of `prod` in SSM: the first one, as provision made it."""
    made = Stored(tmp_path)
    made.provision()
    return made


def created(lamplighter: Run, *more: str) -> dict[str, Any]:
    result = lamplighter("--json", *ALICE, *more)
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_create_prints_the_key_alone_and_says_that_it_is_not_shown_again(
    lamplighter: Run, stored: Stored
) -> None:
    result = lamplighter(*ALICE)

    assert re.fullmatch(r"sk-alice-[A-Za-z0-9]{43}\n", result.stdout)
    assert "not shown again" in result.stderr
    assert result.stdout.strip() not in stored.everything() + result.stderr


def test_a_created_key_is_one_that_the_gateway_knows_with_its_limits(
    lamplighter: Run, stored: Stored
) -> None:
    made = created(
        lamplighter,
        *("--rpm", "60", "--tpm", "9000", "--concurrency", "2", "--tokens-per-day", "100000"),
        *("--models", "a, b", "--priority", "batch"),
    )

    caller = stored.ask(made["key"])
    assert (caller.id, caller.models, caller.priority) == ("alice", frozenset("ab"), 2)
    assert caller.limits.requests_per_minute == made["requests_per_minute"] == 60
    assert caller.limits.tokens_per_minute == made["tokens_per_minute"] == 9000
    assert caller.limits.concurrency == made["concurrency"] == 2
    assert caller.limits.tokens_per_day == made["tokens_per_day"] == 100_000


@pytest.mark.parametrize(
    ("models", "warned"), [("m", ""), ("m,gpt-4", "not gpt-4:"), ("a,b", "not a, b:")]
)
def test_a_model_that_is_not_served_is_warned_of(
    lamplighter: Run, stored: Stored, serving: Table, models: str, warned: str
) -> None:
    served = {":spec": json.dumps({"name": "prod", "model": "m"})}
    serving.update_item(
        Key={"pk": "prod", "sk": "deployment"},
        UpdateExpression="SET spec = :spec",
        ExpressionAttributeValues=served,
    )

    result = lamplighter(*ALICE, "--models", models)

    assert result.exit_code == 0
    assert result.stdout.startswith("sk-alice-")
    assert ("warning: prod serves m, " in result.stderr) == bool(warned)
    assert warned in result.stderr


def test_the_deployment_may_be_named_by_an_option_too(lamplighter: Run, stored: Stored) -> None:
    result = lamplighter("keys", "create", "--deployment", "prod", "--name", "alice", "--rpm", "60")

    assert result.exit_code == 0
    assert stored.entries("alice")[0]["requests_per_minute"] == 60


@pytest.mark.parametrize("names", [[], ["prod", "--deployment", "other"]])
def test_no_deployment_or_two_are_wrong_usage(
    lamplighter: Run, stored: Stored, names: list[str]
) -> None:
    result = lamplighter("keys", "list", *names)

    assert result.exit_code == 2
    assert "name one deployment" in result.stderr


def test_a_key_carries_the_deployments_tags_so_that_its_teardown_finds_it(
    lamplighter: Run, stored: Stored, serving: Table
) -> None:
    spec = json.dumps({"name": "prod", "tags": {"team": "search"}})
    serving.update_item(
        Key={"pk": "prod", "sk": "deployment"},
        UpdateExpression="SET spec = :spec",
        ExpressionAttributeValues={":spec": spec},
    )

    created(lamplighter)

    assert stored.tags("alice") == {
        "lamplighter:installation": "lamplighter",
        "lamplighter:deployment": "prod",
        "lamplighter:role": "key",
        "Name": "lamplighter-prod-key",
        "team": "search",
    }


def test_a_key_that_exists_is_not_made_again(lamplighter: Run, stored: Stored) -> None:
    created(lamplighter)
    before = stored.everything()

    result = lamplighter(*ALICE)

    assert (result.exit_code, result.stdout) == (4, "")
    assert "prod has a key 'alice' already" in result.stderr
    assert "keys rotate prod --name alice" in result.stderr
    assert stored.everything() == before


@pytest.mark.parametrize("command", [ALICE, ROTATE, REVOKE, ("keys", "list", "prod")])
def test_an_unknown_deployment_is_reported(
    lamplighter: Run, ledger: Table, command: tuple[str, ...]
) -> None:
    result = lamplighter(*command)

    assert result.exit_code == 3
    assert "there is no deployment 'prod'" in result.stderr


@pytest.mark.parametrize("command", [ALICE, ROTATE])
@pytest.mark.parametrize("attribute", ["desired", "status"])
def test_a_deployment_that_goes_or_is_gone_gets_no_key(
    lamplighter: Run, stored: Stored, serving: Table, command: tuple[str, ...], attribute: str
) -> None:
    serving.update_item(
        Key={"pk": "prod", "sk": "deployment"},
        UpdateExpression="SET #a = :absent",
        ExpressionAttributeNames={"#a": attribute},
        ExpressionAttributeValues={":absent": "absent"},
    )

    result = lamplighter(*command)

    assert result.exit_code == 3
    assert "prod is torn down" in result.stderr


@pytest.mark.parametrize("command", [ROTATE, REVOKE])
def test_an_unknown_key_is_reported_with_those_that_there_are(
    lamplighter: Run, stored: Stored, command: tuple[str, ...]
) -> None:
    result = lamplighter(*command)

    assert result.exit_code == 3
    assert "prod has no key 'alice' (known: default)" in result.stderr


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "ä", "a" * 65, "a\n"])
def test_a_name_that_cannot_be_part_of_a_key_is_reported(
    lamplighter: Run, stored: Stored, name: str
) -> None:
    result = lamplighter("keys", "create", "prod", f"--name={name}")

    assert result.exit_code == 2
    assert "is no name for a key: 1 to 64 letters" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--expires", "soon", "neither a duration nor a time"),
        ("--expires", "2020-01-01", "is over already"),
        ("--expires", "0s", "is over already"),
        ("--expires", "9999-12-31T23:59:59-14:00", "neither a duration nor a time"),
        ("--rpm", "0", "range"),
        ("--rpm", "many", "integer"),
        ("--models", "a,,b", "an empty name"),
        ("--priority", "vip", "interactive"),
    ],
)
def test_a_limit_that_is_none_is_reported(
    lamplighter: Run, stored: Stored, option: str, value: str, said: str
) -> None:
    result = lamplighter(*ALICE, option, value)

    assert result.exit_code == 2
    assert said in result.stderr
    assert stored.ids() == ["default"]


def test_more_than_a_parameter_holds_is_reported(lamplighter: Run, stored: Stored) -> None:
    result = lamplighter(
        *ALICE, "--models", ",".join(f"organisation/model-{n}" for n in range(200))
    )

    assert result.exit_code == 2
    assert "an SSM parameter holds 4096: name fewer --models" in result.stderr
    assert stored.ids() == ["default"]


@pytest.mark.parametrize(
    ("typed", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 30 * 86_400)]
)
def test_a_duration_is_counted_from_now(
    lamplighter: Run, stored: Stored, typed: str, seconds: int
) -> None:
    made = created(lamplighter, "--expires", typed)

    left = datetime.fromisoformat(made["expires"]) - datetime.now(UTC)
    assert abs(left - timedelta(seconds=seconds)) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("typed", "expires"),
    [
        ("2099-01-31", "2099-01-31T00:00:00Z"),
        ("2099-01-31T18:00:00Z", "2099-01-31T18:00:00Z"),
        ("2099-01-31T18:00:00+02:00", "2099-01-31T16:00:00Z"),
    ],
)
def test_a_time_without_a_zone_is_utc(
    lamplighter: Run, stored: Stored, typed: str, expires: str
) -> None:
    made = created(lamplighter, "--expires", typed)

    assert made["expires"] == expires
    with pytest.raises(InvalidKey, match="expired"):
        stored.ask(made["key"], datetime(2099, 2, 1, tzinfo=UTC))


def test_rotation_keeps_the_limits_and_lets_both_in_until_the_overlap_ends(
    lamplighter: Run, stored: Stored
) -> None:
    old = created(lamplighter, "--rpm", "60")["key"]

    result = lamplighter(*ROTATE, "--overlap", "2h")

    new, now = result.stdout.strip(), datetime.now(UTC)
    assert "the old one works until" in result.stderr
    assert stored.ask(new).limits.requests_per_minute == 60
    assert stored.ask(old, now + timedelta(minutes=119)).id == "alice"
    with pytest.raises(InvalidKey):
        stored.ask(old, now + timedelta(minutes=121))
    assert stored.ask(new, now + timedelta(days=999)).id == "alice"


def test_rotation_without_overlap_ends_the_old_key(lamplighter: Run, stored: Stored) -> None:
    old = created(lamplighter)["key"]

    result = lamplighter(*ROTATE, "--overlap", "0s")

    assert "the old one ends within a minute" in result.stderr
    assert stored.ask(result.stdout.strip()).id == "alice"
    with pytest.raises(InvalidKey):
        stored.ask(old)


def test_a_key_rotated_often_keeps_what_still_works_and_no_more(
    lamplighter: Run, stored: Stored
) -> None:
    created(lamplighter)
    for overlap in ("1h", "2h", "3h"):
        assert lamplighter(*ROTATE, "--overlap", overlap).exit_code == 0
    stored.change(
        "alice", lambda found: [found[0] | {"expires": "2020-01-01T00:00:00Z"}, *found[1:]]
    )

    lamplighter(*ROTATE)

    ends = [one["expires"] for one in stored.entries("alice")]
    assert len(ends) == 4
    assert ends[-1] is None
    assert ends[:3] == sorted(ends[:3])


def test_too_many_overlapping_rotations_are_reported_and_change_nothing(
    lamplighter: Run, stored: Stored
) -> None:
    created(lamplighter)
    stored.change("alice", lambda found: found * 12)
    before = stored.everything()

    result = lamplighter(*ROTATE)

    assert result.exit_code == 2
    assert "`lamplighter keys rotate prod --name alice --overlap 0s`" in result.stderr
    assert stored.everything() == before


def test_a_rotated_key_does_not_live_longer_than_the_old_one_was_allowed_to(
    lamplighter: Run, stored: Stored
) -> None:
    made = created(lamplighter, "--expires", "30d")

    rotated = json.loads(lamplighter("--json", *ROTATE).stdout)

    assert rotated["expires"] == made["expires"]
    longer = json.loads(lamplighter("--json", *ROTATE, "--expires", "2099-01-01").stdout)
    assert longer["expires"] == "2099-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("own_end", "overlap", "said"),
    [
        ("1h", "24h", "works until {own}"),
        ("30d", "0s", "ends within a minute"),
    ],
)
def test_rotate_says_the_end_that_the_old_key_has(
    lamplighter: Run, stored: Stored, own_end: str, overlap: str, said: str
) -> None:
    made = created(lamplighter, "--expires", own_end)

    result = lamplighter(*ROTATE, "--overlap", overlap)

    old = said.format(own=made["expires"])
    assert f"the old one {old}\n" in result.stderr
    ends = {one["expires"] for one in stored.entries("alice")}
    assert ends == {made["expires"]}


def test_an_expired_key_is_rotated_only_with_a_new_end(lamplighter: Run, stored: Stored) -> None:
    created(lamplighter)
    stored.change("alice", lambda found: [found[0] | {"expires": "2020-01-01T00:00:00Z"}])

    refused = lamplighter(*ROTATE)
    allowed = lamplighter(*ROTATE, "--expires", "30d")

    assert refused.exit_code == 2
    assert "alice of prod expired at 2020-01-01T00:00:00Z" in refused.stderr
    assert "the old one had expired already" in allowed.stderr
    assert stored.ask(allowed.stdout.strip()).id == "alice"


@pytest.mark.parametrize("overlap", ["1", "-1h", "1w", "999999d", "an hour"])
def test_an_overlap_that_is_no_duration_is_reported(
    lamplighter: Run, stored: Stored, overlap: str
) -> None:
    result = lamplighter(*ROTATE, f"--overlap={overlap}")

    assert result.exit_code == 2
    assert "is no duration: write 90s, 15m, 24h or 30d" in " ".join(result.stderr.split())


def test_a_rotation_that_another_one_overtakes_is_reported(
    lamplighter: Run, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(lamplighter)
    monkeypatch.setattr("lamplighter.keys.entries.grant", stored.meanwhile("alice"))

    result = lamplighter(*ROTATE)

    assert result.exit_code == 4
    assert (
        "the key 'alice' of prod was changed by another command at the same time" in result.stderr
    )
    assert result.stdout == ""


def test_the_first_key_is_rotated_with_those_who_use_it(lamplighter: Run, stored: Stored) -> None:
    old = stored.secret()

    new = lamplighter("keys", "rotate", "prod", "--name", "default").stdout.strip()

    assert lamplighter("key", "prod").stdout.strip() == new == stored.secret()
    assert stored.ask(new).id == stored.ask(old).id == "default"
    assert stored.tags("default")["lamplighter:deployment"] == "prod"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_rotation_of_the_first_key_that_is_cut_off_leaves_its_users_a_key_that_works(
    lamplighter: Run, stored: Stored, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    stored.fail_put(monkeypatch, number)

    result = lamplighter("keys", "rotate", "prod", "--name", "default", "--overlap", "0s")

    assert result.exit_code == 5
    long_after = datetime.now(UTC) + timedelta(days=999)
    assert stored.ask(stored.secret(), long_after).id == "default"


def test_the_first_key_cannot_be_revoked(lamplighter: Run, stored: Stored) -> None:
    result = lamplighter("keys", "revoke", "prod", "--name", "default", "--yes")

    assert result.exit_code == 4
    assert "keys rotate prod --name default --overlap 0s" in result.stderr
    assert stored.ids() == ["default"]


def test_a_revoked_key_is_gone_and_the_others_stay(lamplighter: Run, stored: Stored) -> None:
    made = created(lamplighter)

    result = lamplighter("--json", *REVOKE)

    assert json.loads(result.stdout) == {"deployment": "prod", "id": "alice", "revoked": True}
    assert stored.ids() == ["default"]
    with pytest.raises(InvalidKey):
        stored.ask(made["key"])


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", ["alice"]), ("\n", ["alice"])])
def test_revoke_asks_at_a_terminal(
    lamplighter: Run,
    stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    left: list[str],
) -> None:
    created(lamplighter)
    monkeypatch.setattr("lamplighter.command_line.consent.at_a_terminal", lambda: True)

    result = lamplighter(*ASKING, stdin=answer.encode())

    assert "this revokes the key alice of prod in account 123456789012" in result.stderr
    assert result.exit_code == (130 if left else 0)
    assert stored.ids() == [*left, "default"]
    assert ("nothing was changed" in result.stderr) == bool(left)


def test_revoke_without_a_terminal_needs_yes(lamplighter: Run, stored: Stored) -> None:
    created(lamplighter)

    result = lamplighter(*ASKING)

    assert result.exit_code == 2
    assert "confirm with --yes" in result.stderr
    assert stored.ids() == ["alice", "default"]


def test_revoke_with_yes_does_not_ask(
    lamplighter: Run, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(lamplighter)
    monkeypatch.setattr("lamplighter.command_line.consent.at_a_terminal", lambda: True)

    assert lamplighter(*REVOKE).exit_code == 0
    assert stored.ids() == ["default"]


def test_list_shows_what_a_key_may_do_and_nothing_that_proves_it(
    lamplighter: Run, stored: Stored
) -> None:
    created(lamplighter, "--rpm", "60", "--concurrency", "2", "--expires", "2099-01-31")
    lamplighter(*ROTATE)

    shown = lamplighter("keys", "list", "prod").stdout
    document = json.loads(lamplighter("--json", "keys", "list", "prod").stdout)

    [alice, default] = shown.splitlines()[1:]
    assert alice.split()[:3] == ["alice", "rotating", "standard"]
    assert "60 requests/min, 2 at once" in alice
    assert "2099-01-31 00:00:00Z" in alice
    assert default.split()[:2] == ["default", "active"]
    assert [(key["id"], key["state"]) for key in document["keys"]] == [
        ("alice", "rotating"),
        ("default", "active"),
    ]
    assert all(one["sha256"] not in shown + str(document) for one in stored.entries("alice"))
    assert all(one["salt"] not in shown + str(document) for one in stored.entries("alice"))


def test_list_tells_expired_and_damaged_keys(lamplighter: Run, stored: Stored) -> None:
    created(lamplighter)
    stored.change("alice", lambda found: [found[0] | {"expires": "2020-01-01T00:00:00Z"}])
    stored.put("bob", "{")

    document = json.loads(lamplighter("--json", "keys", "list", "prod").stdout)

    states = {key["id"]: key["state"] for key in document["keys"]}
    assert states == {"alice": "expired", "bob": "damaged", "default": "active"}


def test_more_keys_than_a_page_are_all_listed(lamplighter: Run, stored: Stored) -> None:
    for number in range(23):
        stored.put(f"key-{number}", "[{}]")

    document = json.loads(lamplighter("--json", "keys", "list", "prod").stdout)

    assert len(document["keys"]) == 24


def test_keys_of_what_was_torn_down_are_not_listed(lamplighter: Run, serving: Table) -> None:
    serving.put_item(Item={"pk": "prod", "sk": "deployment", "status": "absent"})

    result = lamplighter("keys", "list", "prod")

    assert result.exit_code == 3
    assert "prod is torn down" in result.stderr


def test_a_key_can_be_revoked_while_a_teardown_is_stuck(
    lamplighter: Run, stored: Stored, serving: Table
) -> None:
    created(lamplighter)
    row = {"pk": "prod", "sk": "deployment", "status": "failed", "desired": "absent"}
    serving.put_item(Item=row)

    assert lamplighter(*REVOKE).exit_code == 0
    assert stored.ids() == ["default"]


def test_a_deployment_without_keys_lists_none(lamplighter: Run, serving: Table) -> None:
    assert lamplighter("keys", "list", "prod").stdout == "no keys\n"


def test_a_damaged_key_cannot_be_rotated_but_revoked(lamplighter: Run, stored: Stored) -> None:
    stored.put("alice", "{")

    rotated, revoked = lamplighter(*ROTATE), lamplighter(*REVOKE)

    assert rotated.exit_code == 4
    assert f"{PATH}/alice is damaged" in rotated.stderr
    assert revoked.exit_code == 0


@pytest.mark.parametrize("command", [ROTATE, REVOKE])
def test_a_parameter_that_is_not_ours_is_not_touched(
    lamplighter: Run, stored: Stored, command: tuple[str, ...]
) -> None:
    stored.put("alice", json.dumps(stored.entries("default")), owner="other")
    before = stored.everything()

    result = lamplighter(*command)

    assert result.exit_code == 4
    assert f"{PATH}/alice is not ours" in result.stderr
    assert stored.everything() == before


@pytest.mark.parametrize("command", [ALICE, ROTATE, REVOKE])
def test_a_key_of_another_installation_is_not_touched(
    lamplighter: Run, stored: Stored, command: tuple[str, ...]
) -> None:
    if command != ALICE:
        created(lamplighter)
    stored.give_to("second")
    before = stored.everything()

    result = lamplighter(*command)

    assert result.exit_code == 4
    assert "belongs to the installation 'second'; name that with --stack second" in result.stderr
    assert stored.everything() == before


@pytest.mark.parametrize(
    ("command", "operation", "permission"),
    [
        (ALICE, "ListTagsForResource", "ssm:ListTagsForResource"),
        (ALICE, "PutParameter", "ssm:PutParameter and ssm:AddTagsToResource"),
        (ROTATE, "GetParameter", "ssm:GetParameter on parameter/lamplighter/prod/keys/*"),
        (ROTATE, "PutParameter", "ssm:PutParameter"),
        (REVOKE, "DeleteParameter", "ssm:DeleteParameter"),
        (REVOKE, "ListTagsForResource", "ssm:ListTagsForResource"),
        (("keys", "list", "prod"), "GetParametersByPath", "ssm:GetParametersByPath"),
    ],
)
def test_a_missing_permission_is_named(
    lamplighter: Run,
    stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    operation: str,
    permission: str,
) -> None:
    if command != ALICE:
        created(lamplighter)
    stored.deny(monkeypatch, operation)

    result = lamplighter(*command)

    assert (result.exit_code, result.stdout) == (5, "")
    assert "AWS does not let these credentials" in result.stderr
    assert permission in result.stderr


def test_the_local_twin_is_worked_on_with_the_same_words(
    lamplighter: Run, stored: Stored, twin: Any
) -> None:
    twin({})

    assert lamplighter("--local", *ALICE).exit_code == 0
    assert stored.ids() == ["alice", "default"]
