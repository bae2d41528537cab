"""The run for a person: a table per load, then the goals. Colours on a terminal only."""

from rich.console import Console
from rich.table import Table

from benchmarks.loads import Load
from benchmarks.report.goals import Verdict
from benchmarks.report.summary import Cost, Summary

_WIDE_ENOUGH = 150
# Above this a core was not the target's own, and its CPU per unit is inflated.
_NOISY = 0.1


def console() -> Console:
    """Return one that a file or a pipe gets plain text from, without broken lines."""
    probe = Console()
    return probe if probe.is_terminal else Console(width=_WIDE_ENOUGH)


def show(out: Console, loads: list[Load], summary: Summary, verdicts: list[Verdict]) -> None:
    for load in loads:
        out.print()
        out.print(_costs(load, summary))
    out.print()
    out.print(_goals(verdicts))


def _costs(load: Load, summary: Summary) -> Table:
    table = Table(title=f"{load.name}: {load.title}", title_justify="left", box=None)
    table.add_column("target")
    headings = [f"us/{load.unit}", "least-most", "x sglang", "litellm x"]
    first = "first ms p50/p99" if load.chunks else "answer ms p50/p99"
    headings += [f"{load.unit}s/s", first, "transit ms", "core", "noise", "MiB", "errors"]
    for heading in headings:
        table.add_column(heading, justify="right")
    for cost in summary.of_load(load.name):
        table.add_row(*_row(cost, summary), style="bold" if "gateway" in cost.target else None)
    return table


def _row(cost: Cost, summary: Summary) -> list[str]:
    ratios = [
        summary.ratio(cost.target, "sglang-router", cost.load),
        summary.ratio("litellm", cost.target, cost.load),
    ]
    return [
        cost.target,
        f"{cost.cpu:,.1f}",
        f"{cost.cpu_least:,.1f}-{cost.cpu_most:,.1f}",
        *("-" if ratio is None else f"{ratio:.3g}" for ratio in ratios),
        f"{cost.per_second:,.0f}",
        f"{cost.first_p50:,.1f}/{cost.first_p99:,.1f}",
        f"{cost.transit_p50:,.2f}/{cost.transit_p99:,.2f}" if cost.transit_p99 else "-",
        f"{cost.share:.2f}",
        f"{cost.noise:.2f}{'!' if cost.noise > _NOISY else ''}",
        f"{cost.peak_mib:,.0f}",
        f"{cost.errors:,}",
    ]


def _goals(verdicts: list[Verdict]) -> Table:
    table = Table(title="goals", title_justify="left", box=None)
    table.add_column("")
    table.add_column("goal")
    table.add_column("limit", justify="right")
    table.add_column("measured", justify="right")
    for verdict in verdicts:
        table.add_row(*_goal(verdict))
    return table


def _goal(verdict: Verdict) -> list[str]:
    marks = {True: "[green]met[/]", False: "[bold red]MISSED[/]", None: "[dim]-[/]"}
    value = "not measured" if verdict.value is None else f"{verdict.value:,.2f}"
    return [marks[verdict.met], verdict.text, verdict.limit, value]
