"""The notices' webhook: its URL is an SSM SecureString of the installation, and a secret.

Where it leads is judged by the function that posts to it; here only its form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from lamplighter.aws import refusals
from lamplighter.aws.account import Account
from lamplighter.errors import Unavailable

_INSTALLATION = "lamplighter:installation"
_URL = re.compile(r"[!-~]{1,2048}")  # printable ASCII, no space


def parameter(installation: str) -> str:
    return f"/lamplighter-notices/{installation}/webhook"


def is_url(text: str) -> bool:
    """Return whether it reads https://HOST/..., without a user's name in it."""
    try:
        url = urlsplit(text) if _URL.fullmatch(text) else urlsplit("")
        plausible = url.scheme == "https" and url.hostname and url.port != 0
    except ValueError:
        return False
    return bool(plausible) and url.username is None


def put(account: Account, url: str) -> None:
    """Set or replace it."""
    installation, ssm = account.installation.name, account.parameters()
    tags: Any = [{"Key": _INSTALLATION, "Value": installation}]
    named: Any = {"Name": parameter(installation), "Type": "SecureString", "Value": url}
    described = f"URL of the webhook that gets the notices of {installation}"
    with _allowed("ssm:PutParameter and ssm:AddTagsToResource", installation):
        try:
            ssm.put_parameter(**named, Description=described, Tags=tags)
        except ssm.exceptions.ParameterAlreadyExists:
            ssm.put_parameter(**named, Overwrite=True)  # SSM takes tags only of what is new


def remove(account: Account) -> bool:
    """Remove it; return whether there was one."""
    installation, ssm = account.installation.name, account.parameters()
    with _allowed("ssm:DeleteParameter", installation):
        try:
            ssm.delete_parameter(Name=parameter(installation))
        except ssm.exceptions.ParameterNotFound:
            return False
    return True


@contextmanager
def _allowed(action: str, installation: str) -> Iterator[None]:
    """Name the right that a refusal misses."""
    try:
        yield
    except refusals.AwsError as error:
        if refusals.code(error) not in refusals.NOT_ALLOWED:
            raise
        raise Unavailable(
            f"these credentials may not change the webhook: allow {action} on "
            f"{parameter(installation)}, as the stack's OperatorPolicy does for a parameter with "
            "this installation's tag",
            name=refusals.code(error),
        ) from error
