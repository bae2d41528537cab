"""`lamplighter keys`: who may ask a deployment, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from lamplighter.aws import ledger
from lamplighter.command_line import consent
from lamplighter.command_line.moments import Duration, Moment
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.commands.key_options import key_name, keyring_of, living, of_deployment
from lamplighter.commands.keys_list import list_
from lamplighter.errors import BadSpec, Conflict, UnknownKey
from lamplighter.keys import entries
from lamplighter.keys.entries import Entry, Grant, Limits
from lamplighter.keys.keyring import FIRST, Keyring
from lamplighter.screens.screen import plain

_COUNT = click.IntRange(1, 10**12)


@click.group(
    epilog=example(
        "lamplighter keys create --deployment prod --name alice --rpm 60",
        "lamplighter keys list prod",
        "lamplighter keys rotate prod --name alice --overlap 24h",
        "lamplighter keys revoke prod --name alice",
    )
)
def keys() -> None:
    """Make, list, rotate and revoke API keys.

    A change reaches the running host within a minute. Only salted hashes of keys are kept: one
    that is lost cannot be shown again, it is rotated.
    """


keys.add_command(list_)


@keys.command(epilog=example("lamplighter keys create prod --name alice --rpm 60 --expires 30d"))
@of_deployment
@key_name
@click.option("--rpm", type=_COUNT, metavar="N", help="Requests per minute.")
@click.option("--tpm", type=_COUNT, metavar="N", help="Tokens per minute.")
@click.option("--concurrency", type=_COUNT, metavar="N", help="Requests at the same time.")
@click.option("--tokens-per-day", type=_COUNT, metavar="N", help="Tokens per day (UTC).")
@click.option("--models", metavar="A,B", help="Models it may ask for; without it all.")
@click.option(
    "--priority",
    type=click.Choice(entries.PRIORITIES),
    default=entries.STANDARD,
    show_default=True,
    help="Who is served first when there is a queue.",
)
@click.option("--expires", type=Moment(), help="30d, 12h, or 2027-01-31T18:00:00Z.")
@pass_options
def create(
    options: Options,
    deployment: str | None,
    named: str | None,
    key_id: str,
    rpm: int | None,
    tpm: int | None,
    concurrency: int | None,
    tokens_per_day: int | None,
    models: str | None,
    priority: str,
    expires: datetime | None,
) -> None:
    """Make a key and print it, this once."""
    limits = Limits(priority, _names(models), rpm, tpm, concurrency, tokens_per_day)
    keyring = living(options, deployment, named)
    made = entries.grant(key_id, limits, expires)
    keyring.add(key_id, [made.entry])
    _warn_of_models(options, keyring.deployment, limits.models)
    _hand_over(options, keyring, made, f"it works within a minute: {key_id} may ask then")


@keys.command(epilog=example("lamplighter keys rotate prod --name alice --overlap 24h"))
@of_deployment
@key_name
@click.option(
    "--overlap",
    type=Duration(),
    default="24h",
    show_default=True,
    help="How long the old key still works; 0s ends it now.",
)
@click.option("--expires", type=Moment(), help="Another end than the old key's.")
@pass_options
def rotate(
    options: Options,
    deployment: str | None,
    named: str | None,
    key_id: str,
    overlap: timedelta,
    expires: datetime | None,
) -> None:
    """Print a new key, this once, in the place of one.

    The limits stay as they are. Both keys work until the overlap ends.
    """
    keyring, now = living(options, deployment, named), datetime.now(UTC)
    key = keyring.key(key_id)
    old, newest = key.entries, key.entries[-1]
    end = expires or _still_to_come(keyring, newest, now)
    made = entries.grant(key_id, Limits.of(newest), end)
    if key_id == FIRST:
        # The prober and the agent take it from SSM: they may hear of the new key only when it is
        # good, and the old one may end only then. Cut off anywhere, one works that they know.
        key = keyring.replace(key, [*old, made.entry])
        keyring.publish(made.key)
    both = entries.rotated(old, made.entry, overlap, now)
    keyring.replace(key, both)
    _hand_over(
        options, keyring, made, f"it works within a minute, the old one {_end(both[:-1], overlap)}"
    )


@keys.command(epilog=example("lamplighter keys revoke prod --name alice --yes"))
@of_deployment
@key_name
@consent.yes_option
@pass_options
def revoke(
    options: Options, deployment: str | None, named: str | None, key_id: str, *, yes: bool
) -> None:
    """Take a key away, after a question: it fails within a minute."""
    keyring = keyring_of(options, deployment, named)
    name = keyring.deployment
    if key_id == FIRST:
        raise Conflict(
            f"{FIRST!r} is the key by which {name} is probed and repaired, it cannot be revoked: "
            f"`{options.command(f'keys rotate {name} --name {FIRST} --overlap 0s')}` ends the "
            "one that is known"
        )
    there = [key.key_id for key in keyring.listed()]
    if key_id not in there:
        raise UnknownKey.named(key_id, name, there)
    consent.require(f"this revokes the key {key_id} of {name} in {keyring.place}", yes=yes)
    keyring.remove(key_id)
    gone = f"{key_id} may not ask {name} any more, within a minute"
    options.screen().answer({"deployment": name, "id": key_id, "revoked": True}, plain(gone))


def _names(models: str | None) -> list[str] | None:
    if models is None:
        return None
    names = [name.strip() for name in models.split(",")]
    if not all(names):
        raise click.BadParameter(f"{models!r} has an empty name in it", param_hint="--models")
    return list(dict.fromkeys(names))


def _warn_of_models(options: Options, name: str, models: Sequence[str] | None) -> None:
    """A key may be made ahead of a change of model, so this is no error."""
    served = ledger.model(options.account().ledger(), name)
    others = [model for model in models or () if model != served]
    if served and others:
        options.screen().say(
            f"warning: {name} serves {served}, not {', '.join(others)}: requests for that will fail"
        )


def _still_to_come(keyring: Keyring, newest: Entry, now: datetime) -> datetime | None:
    """Return the end that the old key has; raise BadSpec when a new one would be over at once."""
    end = entries.ends_at(newest)
    if end is not None and end <= now:
        raise BadSpec(
            f"{newest['id']} of {keyring.deployment} expired at {entries.stamp(end)}: set the "
            "new key's end with --expires"
        )
    return end


def _end(old: list[Entry], overlap: timedelta) -> str:
    """Print until when an old key works: its own end may come before the overlap's."""
    ends = [end for entry in old if (end := entries.ends_at(entry))]
    if ends:
        return f"works until {entries.stamp(max(ends))}"
    return "had expired already" if overlap else "ends within a minute"


def _hand_over(options: Options, keyring: Keyring, made: Grant, remark: str) -> None:
    """Print the key alone on stdout, so that a pipe or `$(...)` takes it."""
    screen, entry = options.screen(), made.entry
    document = {"deployment": keyring.deployment, "id": entry["id"], "key": made.key}
    document |= asdict(Limits.of(entry)) | {"expires": entry["expires"]}
    screen.answer(document, plain(made.key))
    screen.say(f"keep it: it is not shown again; {remark}")
