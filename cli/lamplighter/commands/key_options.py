"""What the commands of `lamplighter keys` have in common: whose key, and which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from lamplighter.command_line.options import Options
from lamplighter.deployments.known import present, torn_down
from lamplighter.keys import entries
from lamplighter.keys.keyring import Keyring


class KeyId(click.ParamType):
    """It becomes part of the key, and of a parameter's name."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not entries.ID.fullmatch(value):
            rule = "1 to 64 letters, digits, '.', '_' or '-', the first a letter or a digit"
            self.fail(f"{value!r} is no name for a key: {rule}", param, ctx)
        return value


key_name = click.option("--name", "key_id", type=KeyId(), required=True, help="Name of the key.")


def of_deployment(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let the deployment be named first, or by --deployment."""
    option = click.option("--deployment", "named", metavar="NAME", help="Whose keys.")
    return click.argument("deployment", required=False)(option(command))


def keyring_of(options: Options, deployment: str | None, named: str | None) -> Keyring:
    """Return the keys of the deployment that was named, in one way or the other.

    Raises UnknownDeployment also when it is torn down.
    """
    name = deployment or named
    if not name or (named and named != name):
        raise click.UsageError("name one deployment: as DEPLOYMENT, or with --deployment")
    account = options.account()
    present(account.ledger(), name)
    return Keyring.open(account, name)


def living(options: Options, deployment: str | None, named: str | None) -> Keyring:
    """Return as `keyring_of` does; refused from the start of a teardown: a key would outlive it."""
    keyring = keyring_of(options, deployment, named)
    found = present(options.account().ledger(), keyring.deployment)
    if found.desired == "absent":
        raise torn_down(keyring.deployment)
    return keyring
