"""engine.arguments: which flags of vLLM are passed on, and what is said of the others."""

from __future__ import annotations

import pytest
from orchestrator.errors import InvalidRequest
from orchestrator.launch.rendering import vllm_args
from orchestrator.spec.engine import Engine
from orchestrator.spec.engine_arguments import RESERVED
from orchestrator.spec.parsing import parse

MINIMAL = {"name": "prod", "model": "Qwen/Qwen2.5-7B-Instruct"}


def refused(*words: object, **more: object) -> list[str]:
    with pytest.raises(InvalidRequest) as refusal:
        parse({**MINIMAL, **more, "engine": {"arguments": list(words)}})
    return str(refusal.value).splitlines()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--max-num-seqs", "64", "--quantization=awq"],
        ["--speculative-config.num_speculative_tokens=3", "--speculative-config.method", "ngram"],
        ["--limit-mm-per-prompt.image=2", "--seed", "-1", "--cpu-offload-gb", "-.5"],
        ["--allowed-media-domains", "a.example", "b.example", "--trust-remote-code"],
        ["--lora-modules", "mine=org/adapter", "--enable-lora", "--no-enable-prefix-caching"],
        ["--config-format", "hf", "--tokenizer=a/b", "--model-impl=auto", "--revision", "v1.0"],
        ["--disable-access-log-for-endpoints", "/health,/metrics"],
    ],
    ids=" ".join,
)
def test_flags_of_vllm_are_passed_on_in_their_order(words: list[str]) -> None:
    deployment = parse({**MINIMAL, "engine": {"arguments": words}})

    assert deployment.engine.arguments == tuple(words)
    assert deployment.document()["engine"]["arguments"] == words


@pytest.mark.parametrize("flag", sorted(RESERVED))
@pytest.mark.parametrize("shape", ["--{}", "--{}=7", "--{}.x=7", "--no-{}"])
def test_a_flag_that_is_set_elsewhere_or_opens_the_engine_is_refused_in_every_spelling(
    flag: str, shape: str
) -> None:
    for spelt in {flag, flag.replace("-", "_")}:
        [problem] = refused("--seed", "1", shape.format(spelt))

        prefix = shape.partition("{")[0]
        assert problem.startswith(f"engine.arguments[2]: {prefix}{spelt} cannot")
        assert problem.endswith(RESERVED[flag])
        assert "7" not in problem.partition("]")[2]  # a value may be a secret


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("--tensor-par", "--tensor-par (understood as --tensor-parallel-size) cannot be set here"),
        ("--api", "--api (understood as --api-key) cannot be set here: the gateway checks"),
        ("--trust_request_chat", "understood as --trust-request-chat-template"),
        ("-tp", "'-tp' is a short form; write the flag in full"),
        ("-tp=4", "'-tp' is a short form"),
        ("-cc.mode=3", "'-cc' is a short form"),
        ("-O3", "'-O3' is a short form"),
        ("--", "'--' is no flag; allowed: -- and a name"),
        ("--3", "'--3' is no flag"),
        ("---api-key", "'---api-key' is no flag"),
    ],
)
def test_short_forms_are_refused(word: str, sentence: str) -> None:
    [problem] = refused("--seed", "1", word)

    assert problem.startswith("engine.arguments[2]: ")
    assert sentence in problem


@pytest.mark.parametrize(
    "word",
    [
        "--token:hf_abcdefghijklmnopqrst",
        "--https://user:hunter22@host",
        "---hf_abcdefghijklmnopqrst",
        "-k:sk-abcdefghijk",
        "-sk-abcdefghijk",
        "-k/hunter22",
    ],
)
def test_a_value_that_is_attached_to_a_refused_flag_is_not_shown(word: str) -> None:
    [problem] = refused("--seed", "1", word)

    assert "abcdef" not in problem
    assert "hunter22" not in problem


def test_the_first_word_is_a_flag() -> None:
    """It would be taken for one more value of the flag before it, which is ours."""
    [problem] = refused("64", "--max-num-seqs")

    assert problem == (
        "engine.arguments[0]: a value without a flag; the first word begins with --, "
        "e.g. --max-num-seqs"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--enforce-eager", "o/m"], "[1]: a value after --enforce-eager, which takes none; leave"),
        (["--no_enable_lora", "true"], "[1]: a value after --no_enable_lora, which takes none"),
        (["--enforce-eager=true"], "[0]: --enforce-eager takes no value; leave out what follows"),
    ],
)
def test_a_flag_that_takes_no_value_has_none(words: list[str], sentence: str) -> None:
    """The engine would end: `unrecognized arguments`, or `ignored explicit argument`."""
    [problem] = refused(*words)

    assert problem.startswith(f"engine.arguments{sentence}")


@pytest.mark.parametrize(
    "word", ["a b", "$(id)", "a;b", '{"a":1}', "a'b", "x\n", "", "a\\b", "%h", "*", "é", "x" * 513]
)
def test_what_a_shell_or_systemd_would_change_is_refused(word: str) -> None:
    [problem] = refused("--seed", word)

    assert problem.startswith("engine.arguments[1]: ")


@pytest.mark.parametrize("words", [["--seed"] * 65, [7], "--seed", [["--seed"]], [None]])
def test_what_is_no_short_list_of_words_is_refused(words: object) -> None:
    with pytest.raises(InvalidRequest, match=r"engine\.arguments"):
        parse({**MINIMAL, "engine": {"arguments": words}})


def test_all_words_together_have_a_limit() -> None:
    [problem] = refused("--seed", *["x" * 400] * 11)

    assert problem == "engine.arguments: 4418 bytes; allowed: 4096 with a space after each word"


def test_every_mistake_is_reported_at_once() -> None:
    problems = refused("--seed=$x", "--host=::", "--port", "1", "-q", network={"zones": 9})

    assert [problem.split(":")[0] for problem in problems] == [
        "network.zones",
        "engine.arguments[0]",
        "engine.arguments[1]",
        "engine.arguments[2]",
        "engine.arguments[4]",
    ]


@pytest.mark.parametrize(
    ("words", "copies"),
    [
        (["--data-parallel-size", "4"], 4),
        (["--data_parallel_size=2", "--seed", "1"], 2),
        (["--data-parallel-size=2", "--data-parallel-size=3"], 3),  # the last one counts
        (["--data-parallel-size-local=2"], 1),
        (["--seed", "8"], 1),
    ],
)
def test_copies_of_the_model_count_as_gpus(words: list[str], copies: int) -> None:
    engine = Engine(arguments=tuple(words), tensor_parallel_size=2)

    assert engine.gpus == 2 * copies


def test_an_engine_on_the_cpu_gets_its_share_of_memory_too() -> None:
    """vLLM's own default is 0.92 of all memory, which a machine that runs more does not have."""
    engine = {"on_cpu": True, "image": "mine/vllm-cpu:1", "gpu_memory_utilization": 0.5}
    deployment = parse({**MINIMAL, "instance": {"gpu": False}, "engine": engine})

    assert "--gpu-memory-utilization 0.5" in vllm_args(deployment)
