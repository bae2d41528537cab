"""`lamplighter key`: the API key of a deployment, alone on stdout."""

from __future__ import annotations

import click

from lamplighter.aws.account import Account
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments.known import present
from lamplighter.errors import UnknownDeployment


@click.command(
    epilog=example(
        """printf 'Authorization: Bearer %s' "$(lamplighter key prod)" |""",
        "  curl https://infer.example.com/v1/models -H @-",
    )
)
@click.argument("name")
@pass_options
def key(options: Options, name: str) -> None:
    """Print a deployment's first API key, and nothing else.

    It is the key `default`, which provisioning made; `lamplighter keys` makes others.
    """
    account = options.account()
    present(account.ledger(), name)
    value = read(account, name)
    if options.json:
        options.screen().answer({"name": name, "key": value})
    else:
        click.echo(value)


def read(account: Account, name: str) -> str:
    """Return the key; raise UnknownDeployment when the deployment has none (yet, or any more)."""
    parameters, parameter = account.parameters(), f"/lamplighter/{name}/api-key"
    try:
        found = parameters.get_parameter(Name=parameter, WithDecryption=True)
    except parameters.exceptions.ParameterNotFound:
        raise UnknownDeployment(
            f"{name} has no API key: there is no parameter {parameter}; `lamplighter up` makes it"
        ) from None
    return found["Parameter"]["Value"]
