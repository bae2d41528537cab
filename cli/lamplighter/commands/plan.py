"""`lamplighter plan`: what would change, whether it can work, what it costs. Nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from lamplighter.aws.account import Account
from lamplighter.command_line.options import Options, example, pass_options
from lamplighter.deployments import changes, spec_file
from lamplighter.errors import BadSpec
from lamplighter.screens.layout import Block
from lamplighter.screens.screen import plain, table

_STYLES = {"create": "green", "change": "yellow", "report": "red", "keep": "dim"}
_RESULTS = {"pass": "green", "warn": "yellow", "unknown": "yellow", "fail": "red"}
_MOST_BYTES = 1_000_000


model_config_option = click.option(
    "--model-config",
    type=click.Path(path_type=Path),
    help="The model's config.json; else Hugging Face's hub is asked.",
)


@click.command(
    epilog=example("lamplighter plan prod.yaml", "lamplighter plan prod.yaml --sequences 16")
)
@click.argument("spec", type=click.Path(allow_dash=True))
@model_config_option
@click.option(
    "--sequences",
    type=click.IntRange(1, 4096),
    default=1,
    show_default=True,
    help="How many of the longest context are to fit at the same time.",
)
@pass_options
@click.pass_context
def plan(
    ctx: click.Context, options: Options, spec: str, model_config: Path | None, sequences: int
) -> None:
    """Show what `up SPEC` would do, cost and need.

    SPEC is a YAML or JSON file, or - for standard input. Nothing is written. A check that fails is
    exit code 2; `up` refuses it, too.
    """
    document = spec_file.read(spec)
    config = read_model_config(model_config) if model_config else None
    account, screen = options.account(), options.screen()
    with screen.busy("asking what would change, what it costs and whether it can work"):
        planned = ask(account, document, config, sequences)
    end = plain(f"{summary(planned)}, in {account.place}")
    screen.answer(planned, *drawn(planned), end)
    failed = [check["name"] for check in checks(planned) if check["result"] == "fail"]
    if failed:
        if not screen.json:  # else the answer says it
            screen.problem(f"this cannot work: see {', '.join(failed)}")
        ctx.exit(BadSpec.exit_code)


def ask(
    account: Account,
    document: Mapping[str, Any],
    config: Mapping[str, Any] | None = None,
    sequences: int = 1,
) -> dict[str, Any]:
    """Return {"changes", "checks", "cost", "first_boot", "change"}; raise the function's error."""
    event = {"verb": "plan", "spec": document, "sequences": sequences}
    more = {"model_config": config} if config else {}
    return account.invoke(account.installation.plan_function, event | more)


def drawn(planned: Mapping[str, Any]) -> Iterator[Text | Block]:
    """Yield the tables; an installation of an earlier version answers with changes only."""
    changes = (
        (
            plain(change["action"], _STYLES.get(change["action"], "")),
            change["resource"],
            change["what"],
            change.get("why") or "",
        )
        for change in planned["changes"]
    )
    yield table("ACTION", "RESOURCE", "WHAT", "WHY", rows=changes, prose=("WHAT", "WHY"))
    if found := checks(planned):
        yield plain("")
        results = (
            (plain(check["result"], _RESULTS.get(check["result"], "")), check["name"], text(check))
            for check in found
        )
        yield table("RESULT", "CHECK", "FOUND", rows=results, prose=("CHECK", "FOUND"))
    if cost := planned.get("cost"):
        yield from _costs(cost)
    if boot := planned.get("first_boot"):
        yield plain("")
        yield plain(f"first boot: about {boot['seconds']} s, {boot['source']}")
    if change := planned.get("change"):
        yield from _changed(change)


def summary(planned: Mapping[str, Any]) -> str:
    """Return e.g. `7 to create, 1 to keep, 12 checks: 11 pass, 1 warn, $0.86 an hour`."""
    actions = [change["action"] for change in planned["changes"]]
    counted = [f"{actions.count(action)} to {action}" for action in _STYLES if action in actions]
    said = counted or ["nothing to do"]
    results = [check["result"] for check in checks(planned)]
    each = [f"{results.count(result)} {result}" for result in _RESULTS if result in results]
    if each:
        said.append(f"{len(results)} checks: {', '.join(each)}")
    if cost := planned.get("cost"):
        said.append(f"${cost['total']['usd_per_hour']:.2f} an hour")
    return ", ".join(said)


def _changed(change: Mapping[str, Any]) -> Iterator[Text | Block]:
    yield plain("")
    rows = ((each["how"], changes.difference(each), each["why"]) for each in change["differences"])
    yield table("MADE", "DIFFERENCE", "WHY", rows=rows, prose=("DIFFERENCE", "WHY"))
    yield plain(f"expected gap: {change['gap_seconds']} s at most, {change['gap']}")


def _costs(cost: Mapping[str, Any]) -> Iterator[Text | Block]:
    yield plain("")
    rows = [*map(_priced, cost["lines"]), _priced(cost["total"])]
    yield table("COST", "USD/HOUR", "USD/MONTH", "PRICE", rows=rows, prose=("COST", "PRICE"))
    if len(cost["pools"]) > 1:
        yield plain("")
        pools = map(_priced, cost["pools"])
        yield table("POOL", "USD/HOUR", "USD/MONTH", "PRICE", rows=pools, prose=("POOL", "PRICE"))


def _priced(line: Mapping[str, Any]) -> tuple[str, str, str, str]:
    if line["usd_per_hour"] is None:
        return line["what"], "?", "?", line["source"]
    hourly, monthly = f"{line['usd_per_hour']:.4f}", f"{line['usd_per_month']:.2f}"
    return line["what"], hourly, monthly, line["source"]


def checks(planned: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """Return {"name", "result", "found", "needed", "remedy"} of each check."""
    return list(planned.get("checks", []))


def text(check: Mapping[str, str]) -> str:
    """Return what was found, what is needed and what to do."""
    needed = f"needed: {check['needed']}" if check["needed"] else ""
    return "; ".join(filter(None, (check["found"], needed, check["remedy"])))


def read_model_config(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        config = json.loads(content) if len(content) <= _MOST_BYTES else None
    except OSError as error:
        raise BadSpec(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadSpec(f"{path}: no JSON; give the model's config.json") from None
    if not isinstance(config, dict):
        raise BadSpec(f"{path}: no mapping below {_MOST_BYTES} bytes; give the model's config.json")
    return config
