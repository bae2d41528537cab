"""The further flags of `vllm serve` that a specification may pass on, and those that it may not.

The arguments end up in one line of deployment.env, which systemd splits at spaces, and vLLM's own
parser reads flags more freely than they are documented: `--tensor_parallel_size`, abbreviations
(`--tensor-par`), dotted keys (`--model.x`), `--no-` forms. All of these are recognised here.
https://docs.vllm.ai/en/latest/cli/serve/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from orchestrator.masking import shown

ALPHABET = r"[A-Za-z0-9_./:@+=,-]{1,512}"
MAX_WORDS = 64
MAX_BYTES = 4096  # with one space between words

_FLAG = re.compile(r"--[A-Za-z][\w-]*")
_NUMBER = re.compile(r"-[0-9.]+")
_REASONS = {
    # what another key of the specification sets
    "use `model`": ("model",),
    "use engine.max_model_len": ("max-model-len",),
    "use engine.gpu_memory_utilization": (
        "gpu-memory-utilization",
        "device-memory-utilization",
    ),
    "use engine.tensor_parallel_size": ("tensor-parallel-size",),
    "use engine.pipeline_parallel_size": ("pipeline-parallel-size",),
    "use engine.tool_call_parser": ("tool-call-parser", "enable-auto-tool-choice"),
    "use engine.port": ("port",),
    "use engine.hf_token_parameter: a token must not stand in a specification": ("hf-token",),
    # what gateway, agent and probe rely on
    "the gateway reaches the engine over plain HTTP on the host's own network": (
        "host", "uds", "grpc", "grpc-port", "root-path", "enable-ssl-refresh", "ssl-ca-certs",
        "ssl-cert-reqs", "ssl-certfile", "ssl-ciphers", "ssl-keyfile", "tokens-only",
    ),
    "the gateway checks API keys; make one with `lamplighter keys`": ("api-key",),
    "the gateway, the agent and the probe ask for the model by the name in `model`": (
        "served-model-name",
    ),
    "the agent reads the engine's metrics to see whether it hangs": ("disable-log-stats",),
    "weights are kept in the host's cache": ("download-dir",),
    "write each flag into engine.arguments": ("config",),
    "it prints a text and ends": ("help",),
    "an engine runs on one instance; use engine.tensor_parallel_size or --data-parallel-size": (
        "data-parallel-address", "data-parallel-external-lb", "data-parallel-hybrid-lb",
        "data-parallel-multi-port-external-lb", "data-parallel-rank", "data-parallel-start-rank",
        "headless", "master-addr", "master-port", "nnodes", "node-rank",
    ),
    # what would let a caller run code, load objects or read files in the engine
    "it loads a module into the server that answers requests": ("middleware",),
    "callers could run templates of their own in the engine": ("trust-request-chat-template",),
    "callers could change how the engine processes media": ("trust-request-mm-kwargs",),
    "callers could have the engine load serialised tensors": (
        "enable-prompt-embeds", "enable-mm-embeds",
    ),
    "callers could read files of the engine's container": ("allowed-local-media-path",),
}  # fmt: skip
# Common flags that take no value, and no value in their --no- form: the parser refuses a word that
# follows. Not all of them: tests/vllm holds these against the real parser.
SWITCHES = (
    "async-scheduling", "disable-cascade-attn", "disable-custom-all-reduce",
    "disable-sliding-window", "enable-eplb", "enable-expert-parallel", "enable-lora",
    "enable-prefix-caching", "enable-prompt-tokens-details", "enable-sleep-mode", "enforce-eager",
    "fully-sharded-loras", "language-model-only", "skip-mm-profiling", "trust-remote-code",
)  # fmt: skip
RESERVED = {flag: reason for reason, flags in _REASONS.items() for flag in flags}


def problems(words: Sequence[object]) -> Iterator[tuple[str, str]]:
    """Yield a path and one sentence per word that must not be passed on.

    A word that is no string or breaks ALPHABET is skipped: the schema refuses it. No sentence holds
    more than a flag's name: its value may be a secret.
    """
    path = "engine.arguments"
    size = sum(len(str(word).encode()) + 1 for word in words)
    if size > MAX_BYTES:
        yield path, f"{size} bytes; allowed: {MAX_BYTES} with a space after each word"
    for number, word in enumerate(words):
        if not isinstance(word, str) or not re.fullmatch(ALPHABET, word, re.ASCII):
            continue
        problem = _problem(word, str(words[number - 1]) if number else None)
        if problem:
            yield f"{path}[{number}]", problem


def data_parallel_size(words: Sequence[str]) -> int:
    """Return how many copies of the model the words ask for; 1 by default."""
    found = value(words, "data-parallel-size")
    return max(1, int(found)) if found and found.isdecimal() else 1


def value(words: Sequence[str], flag: str) -> str | None:
    """Return what follows a flag, the last time that it is there; "" for none, None without it."""
    name = flag.replace("-", "[-_]")
    found = re.findall(rf"(?:^| )--{name}(?:[= ](?!--)(\S+))?(?= |$)", " ".join(words))
    return found[-1] if found else None


def _problem(word: str, before: str | None) -> str | None:
    if word.startswith("--"):
        return _bad_flag(word)
    if word.startswith("-") and not _NUMBER.fullmatch(word):
        example = "--data-parallel-size for -dp"
        return f"{_name(word)} is a short form; write the flag in full, e.g. {example}"
    if before is None:
        return "a value without a flag; the first word begins with --, e.g. --max-num-seqs"
    if _is_switch(before):
        return f"a value after {before}, which takes none; leave it out"
    return None


def _bad_flag(word: str) -> str | None:
    flag = re.split("[=.]", word)[0]
    if not _FLAG.fullmatch(flag):
        return f"{_name(word)} is no flag; allowed: -- and a name, e.g. --max-num-seqs"
    if "=" in word and _is_switch(flag):
        return f"{flag} takes no value; leave out what follows it"
    name = flag.removeprefix("--").replace("_", "-")
    for meant, reason in RESERVED.items():
        if meant.startswith(name.removeprefix("no-")):
            is_short = meant != name.removeprefix("no-")
            short = f" (understood as --{meant})" if is_short else ""
            return f"{flag}{short} cannot be set here: {reason}"
    return None


def _is_switch(word: str) -> bool:
    name = word.replace("_", "-").removeprefix("--")
    return word.startswith("--") and name.removeprefix("no-") in SWITCHES


def _name(word: str) -> str:
    """Return the word as a message may show it: without its value, secrets masked."""
    name = re.match(r"[\w-]*", word, re.ASCII)
    return shown(name[0] if name else "")
