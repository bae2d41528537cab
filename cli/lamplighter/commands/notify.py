"""`lamplighter notify`: who is notified of outages, repairs and budgets."""

from __future__ import annotations

from typing import Any

import click

from lamplighter.aws import webhook as webhooks
from lamplighter.aws.account import Account
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.errors import Unavailable
from lamplighter.screens.screen import Screen, plain

_STDIN = "-"


@click.command(
    epilog=example(
        "lamplighter notify --test",
        "lamplighter notify --webhook - < webhook-url.txt",
        "lamplighter notify --no-webhook",
    )
)
@click.option("--test", is_flag=True, help="Send a test notice, and show where notices go.")
@click.option(
    "--webhook",
    metavar="URL",
    help="Slack, Teams or any HTTPS URL that gets each notice; - reads it from standard input.",
)
@click.option("--no-webhook", "forget", is_flag=True, help="Remove the webhook.")
@pass_options
def notify(options: Options, *, test: bool, webhook: str | None, forget: bool) -> None:
    """Choose who is notified of outages, and try it.

    E-mail is a parameter of the installation, NotifyEmail. With --webhook and --test, the test
    follows the change.
    """
    if webhook is not None and forget:
        raise click.UsageError("--webhook and --no-webhook exclude each other")
    if webhook is None and not (test or forget):
        raise click.UsageError("say what to do: --test, --webhook URL or --no-webhook")
    screen = options.screen()
    url = None if webhook is None else _url(screen, webhook)
    account = options.account()
    function = _function(account)
    document, lines = _changed(account, url, forget=forget)
    if test:
        with screen.busy("sending a test notice"):
            document |= account.invoke(function, {"verb": "test"})
        lines += _reached(document)
    screen.answer(document, *map(plain, lines))


def _url(screen: Screen, given: str) -> str:
    """Return the URL that is meant; raise UsageError, which does not repeat it."""
    url = given
    if given == _STDIN:
        url = click.get_text_stream("stdin").readline().strip()
    if not webhooks.is_url(url):
        raise click.UsageError(
            "the webhook's URL does not read https://HOST/...: copy it from Slack, Teams or the "
            "service that is to get the notices"
        )
    if given != _STDIN:
        screen.say("other users of this machine can see --webhook URL; --webhook - hides it")
    return url


def _changed(
    account: Account, url: str | None, *, forget: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return whether there is a webhook now, if that was changed, and a sentence."""
    if url:
        webhooks.put(account, url)
        return {"webhook": True}, ["the webhook is set; `lamplighter notify --test` tries it"]
    if forget:
        was_there = webhooks.remove(account)
        sentence = "the webhook is removed" if was_there else "there was no webhook"
        return {"webhook": False}, [sentence]
    return {}, []


def _reached(found: dict[str, Any]) -> list[str]:
    """Say where a test notice went."""
    confirmed, pending = found["confirmed"], found["pending"]
    webhook = "the webhook" if found["webhook"] else "no webhook"
    lines = [f"a test notice is on its way to {_count(confirmed)} and {webhook}"]
    if pending:
        lines.append(f"not confirmed yet: {_count(pending)}; AWS has sent each a link to confirm")
    if not (confirmed or found["webhook"]):
        lines.append(
            "it reaches no one: set NotifyEmail in samconfig.toml and run `make deploy`, or run "
            "`lamplighter notify --webhook URL`"
        )
    return lines


def _count(subscriptions: int) -> str:
    return f"{subscriptions} subscription{'' if subscriptions == 1 else 's'}"


def _function(account: Account) -> str:
    function = account.installation.notice_function
    if not function:
        raise Unavailable(
            f"the installation {account.installation.name!r} is of an earlier version, which sends "
            "no notices: run `make deploy`"
        )
    return function
