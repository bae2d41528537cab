import json
import os
import xml.etree.ElementTree as ET
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from benchmarks import __main__, loads
from benchmarks.errors import InvalidChoice, MissingProgram, TargetFailed
from benchmarks.report import plot, record, table
from benchmarks.report.goals import judge
from benchmarks.report.summary import summarise
from benchmarks.runs.rounds import Plan, laboratory, run
from benchmarks.system import programs
from benchmarks.system.processes import Command
from benchmarks.targets import gateway
from benchmarks.targets.catalogue import TARGETS
from benchmarks.targets.target import Target, serving

needs_two_cores = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="the benchmark pins to two cores"
)
STREAMS = replace(
    loads.LOADS["streams128"],
    name="streams",
    document={"stream": True, "max_tokens": 10, "seed": 1000, "model": loads.MODEL},
    connections=4,
    ramp=0,
    chunks=10,
)
REQUESTS = replace(loads.LOADS["requests"], connections=4)


def target(name, *command):
    """A target that is its own model server, or whatever the command makes of it."""
    return Target(
        name,
        lambda _, port: [Command(name, (*command, str(port)))],
        version=lambda: "1",
    )


@pytest.fixture
def lab(built, tmp_path):
    with laboratory(built, tmp_path / "lab") as one:
        yield one


@needs_two_cores
def test_targets_take_turns_and_every_load_is_measured(built, tmp_path):
    direct = [target(name, str(built.mock)) for name in ("one", "two")]
    told = []

    samples = run(Plan(direct, [STREAMS, REQUESTS], 2, 0.2), tmp_path / "run", told.append)

    turns = [(sample.target, sample.load) for sample in samples]
    once = [(name, load) for name in ("one", "two") for load in ("streams", "requests")]
    assert turns == once * 2
    assert all(sample.cpu_ns > 0 and sample.errors == 0 for sample in samples)
    assert all(0 < sample.share < 1.1 for sample in samples)
    assert told[0].startswith("round 1/2  one")


@needs_two_cores
def test_streams_are_measured_by_the_chunk_and_plain_answers_by_the_request(built, tmp_path):
    plan = Plan([target("one", str(built.mock))], [STREAMS, REQUESTS], 1, 0.2)

    streams, requests = run(plan, tmp_path / "run", lambda _: None)

    assert streams.units == streams.generator["ok"] * STREAMS.chunks > 0
    assert requests.units == requests.generator["ok"] > 0


@needs_two_cores
def test_a_target_that_ends_at_once_says_why(built, lab):
    broken = target("broken", "/bin/sh", "-c", "echo no licence; exit 3")

    with (
        pytest.raises(TargetFailed, match=r"(?s)broken has ended.*no licence"),
        serving(broken, lab),
    ):
        pass


@needs_two_cores
def test_the_gateway_takes_the_key_that_the_benchmark_made_for_it(lab):
    with serving(TARGETS["gateway-interpreted"], lab) as front:
        front.check()


def test_a_compiled_gateway_that_is_older_than_its_source_is_not_measured(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "dist"
    for path in (source / "exchange.py", folder / ".built"):
        path.parent.mkdir()
        path.touch()
    assert gateway.compiled(folder, source) == folder
    os.utime(folder / ".built", (0, 0))

    with pytest.raises(MissingProgram, match="older than its source: run `make compiled`"):
        gateway.compiled(folder, source)


def test_the_keys_file_does_not_hold_the_key(tmp_path):
    key = gateway.new_key()

    text = gateway.write_keys(tmp_path / "keys.json", key).read_text()

    assert key not in text
    assert json.loads(text)["keys"][0]["concurrency"] > 512


def test_all_bodies_are_as_large_as_their_titles_say():
    sizes = {name: len(load.body) for name, load in loads.LOADS.items()}

    assert sizes["requests"] == sizes["streams512"] == 1024
    assert 115_000 < sizes["embeddings"] < 115_200


def test_a_name_that_nobody_has_is_answered_with_those_there_are():
    with pytest.raises(InvalidChoice, match=r"'envoy' is no .*requests"):
        loads.chosen(["envoy"])


def test_the_programs_compile_without_a_warning(built, monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "_FLAGS", (*programs._FLAGS, "-Werror"))

    programs.build(tmp_path)


def test_a_missing_compiler_names_the_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(MissingProgram, match="apt-get install gcc"):
        programs.build()


def test_what_was_written_can_be_judged_again(sample, tmp_path):
    samples = [sample("gateway", "requests", 50.0)]
    plan = Plan([TARGETS["gateway"]], [REQUESTS], 1, 1.0)

    record.write(tmp_path / "run.json", record.document(plan, {"gateway": "1"}, samples))

    assert record.read_samples(tmp_path / "run.json") == samples


def test_the_table_shows_cost_ratio_and_verdict_in_plain_text(sample):
    summary = summarise(
        [sample("gateway", "requests", 150.0), sample("sglang-router", "requests", 100.0)]
    )
    out = StringIO()

    table.show(Console(file=out, width=150), [loads.LOADS["requests"]], summary, judge(summary))

    row = next(line for line in out.getvalue().splitlines() if line.startswith(" gateway"))
    assert row.split()[1:4] == ["150.0", "150.0-150.0", "1.5"]
    assert "MISSED  gateway: CPU per request" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_the_plot_has_a_bar_for_each_target(sample):
    summary = summarise(
        [sample("gateway", "requests", 50.0), sample("litellm", "requests", 15_000.0)]
    )
    machine = {"processor": "A & B", "system": "Debian", "at": "now"}

    picture = ET.fromstring(plot.draw(summary, [loads.LOADS["requests"]], machine))  # noqa: S314

    widths = [float(bar.get("width")) for bar in picture.findall("{*}rect")[1:]]
    assert len(widths) == 2
    assert widths[0] < widths[1]


@pytest.mark.parametrize(("flags", "code"), [(["--check"], 1), ([], 0)])
def test_a_missed_goal_fails_the_run_only_if_it_is_a_check(
    sample, monkeypatch, tmp_path, capsys, flags, code
):
    costs = [sample("gateway", "requests", 200.0), sample("sglang-router", "requests", 100.0)]
    monkeypatch.setattr(__main__, "run", lambda *_: costs)
    output = ["--output", str(tmp_path / "out"), "--targets", "gateway", "--json"]
    monkeypatch.setattr("sys.argv", ["benchmarks", *output, *flags])

    assert __main__.main() == code

    assert json.loads(capsys.readouterr().out)["costs"][0]["cpu"] == 200.0
    assert (tmp_path / "out.svg").exists()


def test_an_unknown_target_is_refused_before_anything_starts(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "--targets", "envoy"])

    assert __main__.main() == 2

    assert "'envoy' is no target" in capsys.readouterr().err
