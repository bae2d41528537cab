"""Why the engine does not start, as a sentence of the specification, from its last log lines.

Each rule is a line that vLLM, PyTorch, transformers, docker or NVIDIA's toolkit is known to write,
and what the operator can do about it. Lines that match no rule are reported as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from host.machine.masking import masked

CONFIGURATION, HARDWARE = "configuration", "hardware"


@dataclass(frozen=True, slots=True)
class Rule:
    """says: a pattern in what the engine wrote; means: the sentence, with the pattern's groups.

    ends: how many exits in a row it takes until the cause counts as permanent. blame: what has to
    change (the orchestrator's repair/rungs.py): a setting, the machine, or None: a reboot may do.
    """

    says: re.Pattern[str]
    means: str
    ends: int = 1
    blame: str | None = CONFIGURATION


def _rule(says: str, means: str, *, ends: int = 1, blame: str | None = CONFIGURATION) -> Rule:
    return Rule(re.compile(says, re.IGNORECASE), means, ends, blame)


_SMALLER = "choose an instance.type with more GPU memory, or a smaller or quantised model"
_OTHER_AMI = "leave instance.ami out for the newest driver, or choose an older engine.image"
# vLLM's flags that a setting of its own stands for; every other one comes from engine.arguments.
_OF_SETTINGS = (
    "gpu-memory-utilization|max-model-len|pipeline-parallel-size|tensor-parallel-size"
    "|tool-call-parser"
)
_ARGUMENT = "correct it in engine.arguments"

# The first that matches counts: what names a number or the remedy itself comes first.
RULES = (
    # the context and the memory
    _rule(
        r"max seq len \((\d+)\).*?estimated maximum model length is (\d+)",
        r"a context of \1 tokens does not fit into the GPU's memory beside the model: "
        r"set engine.max_model_len to \2 or less",
    ),
    _rule(
        r"max seq len \((\d+)\) is larger than the maximum number of tokens that can be stored in"
        r" KV cache \((\d+)\)",
        r"a context of \1 tokens does not fit into the GPU's memory beside the model: "
        r"set engine.max_model_len to \2 or less",
    ),
    _rule(
        r"max seq len \((\d+)\).*?KV cache is needed",
        r"a context of \1 tokens does not fit into the GPU's memory beside the model: "
        "lower engine.max_model_len",
    ),
    _rule(
        r"max_model_len \((\d+)\) is greater than the derived max_model_len"
        r" \(max_position_embeddings=(\d+)",
        r"the model's context is \2 tokens, engine.max_model_len asks for \1: lower it",
    ),
    _rule(
        r"Free memory on device .*?\(([\d.]+)/([\d.]+) GiB\).*?less than (?:desired|the engine's)",
        r"only \1 of the GPU's \2 GiB are free, less than engine.gpu_memory_utilization asks for: "
        "lower it; something else may be using this GPU",
        ends=2,
    ),
    _rule(
        r"Available memory on node \d+ \(([\d.]+)/([\d.]+) GiB\) on startup is less than desired",
        r"only \1 of the machine's \2 GiB memory are free, less than "
        "engine.gpu_memory_utilization asks for: lower it, or choose an instance.type with more",
        ends=2,
    ),
    _rule(
        r"No available memory for the cache blocks",
        "the model leaves no GPU memory for its context: raise engine.gpu_memory_utilization, "
        f"or {_SMALLER}",
    ),
    _rule(
        r"CUDA out of memory|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY",
        "the GPU's memory is too small for this model as it is set: lower engine.max_model_len "
        f"or engine.gpu_memory_utilization, or {_SMALLER}",
        ends=2,
    ),
    # the model, and whether it may be had
    _rule(
        # not what the hub says of a repository that does not exist: "a private or gated repo"
        r"GatedRepoError|access (?:a|to this) gated repo|access to model \S+ is restricted",
        "the model is gated: accept its licence on huggingface.co with the account whose token "
        "engine.hf_token_parameter names",
    ),
    _rule(
        r"Invalid (?:credentials in Authorization header|user token|username or password)",
        "Hugging Face refuses the token: write a valid one into the SSM parameter that "
        "engine.hf_token_parameter names",
    ),
    _rule(
        r"is not a local folder and is not a valid model identifier|Repository ?Not ?Found"
        r"|Invalid repository ID or local directory",
        "the model does not exist, or is private: correct `model`, or name a token that may read "
        "it (engine.hf_token_parameter)",
    ),
    _rule(
        # in backquotes: vLLM's first lines hold its arguments, e.g. trust_remote_code=True,
        r"`trust_remote_code=True`|contains custom code which must be executed",
        "the model brings code of its own, which is not run: choose a model that vLLM knows, or "
        "let it run on this machine by --trust-remote-code in engine.arguments",
    ),
    _rule(
        r"Model architecture (\w+) was supported in vLLM until v([\d.]*\d)",
        r"this vLLM does not support the model's architecture \1 any more: choose an engine.image "
        r"of vLLM \2",
    ),
    _rule(
        r"Model architecture (\w+) is not supported in-tree",
        r"the model's architecture \1 needs a plugin of vLLM: choose an engine.image that has it",
    ),
    _rule(
        r"Transformers does not recognize this architecture"
        r"|Model architectures? .{1,300}? (?:are|is) not supported",
        "this vLLM does not know the model's architecture: choose a newer engine.image",
    ),
    # the flags
    _rule(
        r"invalid tool call parser: (\S+)",
        r"this vLLM has no tool call parser \1: correct engine.tool_call_parser",
    ),
    _rule(
        r"invalid reasoning parser: (\S+)",
        rf"this vLLM has no reasoning parser \1: {_ARGUMENT}",
    ),
    _rule(
        r"unrecognized arguments?: ([^|\n]{1,120})",
        rf"this vLLM does not know the flags \1: {_ARGUMENT}, or choose an engine.image that does",
    ),
    _rule(
        r"ambiguous option: (--[\w-]+)",
        rf"\1 is short for more than one flag of this vLLM: {_ARGUMENT}",
    ),
    _rule(
        rf"argument (--(?:{_OF_SETTINGS}))(?:/-[\w-]+)*: ([^|\n]{{1,120}})",
        r"this vLLM refuses \1 (\2): correct that setting of `engine`",
    ),
    _rule(
        r"argument (--[\w-]+)(?:/-[\w-]+)*: ([^|\n]{1,120})",
        rf"this vLLM refuses \1 (\2): {_ARGUMENT}",
    ),
    _rule(
        r"attention heads \((\d+)\) must be divisible by tensor parallel size \((\d+)\)",
        r"the model's \1 attention heads cannot be shared by \2 GPUs: "
        "choose an engine.tensor_parallel_size that divides them",
    ),
    _rule(
        r"World size \((\d+)\) is larger than the number of available GPUs \((\d+)\)",
        r"the engine wants \1 GPUs, this machine has \2: choose a larger instance.type, or lower "
        "engine.tensor_parallel_size x engine.pipeline_parallel_size",
    ),
    # the GPU and its driver
    _rule(
        r"Bfloat16 is only supported on GPUs with compute capability of at least"
        r"|Minimum capability: \d+\. Current capability: \d+",
        "this GPU is too old for the model's number format: choose a newer one (g6, not g4dn), "
        "or another model",
    ),
    _rule(
        r"unsatisfied condition: (cuda>=[\d.]+)",
        rf"the engine's image needs \1, the NVIDIA driver is older: {_OTHER_AMI}",
    ),
    _rule(
        r"no kernel image is available for execution",
        "the engine's image has no code for this GPU, which is too old for it, or too new: choose "
        "another instance.type (e.g. g6.xlarge) or another engine.image",
    ),
    _rule(
        r"NVIDIA driver on your system is too old \(found version (\d\d)0(\d)0\)",
        r"the NVIDIA driver supports CUDA \1.\2 only, which is too old for the engine's image: "
        f"{_OTHER_AMI}",
    ),
    _rule(
        r"NVIDIA driver on your system is too old|driver version is insufficient for CUDA runtime",
        f"the NVIDIA driver is too old for the engine's image: {_OTHER_AMI}",
    ),
    _rule(
        r"Driver/library version mismatch|unsupported display driver / cuda driver combination",
        "the NVIDIA driver and its libraries are of two versions, as after an update without a "
        "restart: restart this machine",
        blame=None,
    ),
    _rule(
        r"Error 802\b|cudaErrorSystemNotReady|system not yet initialized",
        "the GPUs of this instance.type need NVIDIA's fabric manager, which does not run here: "
        "leave instance.ami out, for the image that has it",
        ends=2,
        blame=None,
    ),
    _rule(
        r"could not select device driver",
        "docker cannot give GPUs to a container: the NVIDIA container toolkit is missing; "
        "run recover.sh, which installs it",
        blame=None,
    ),
    _rule(
        r"No CUDA GPUs are available|Found no NVIDIA driver|Failed to initialize NVML"
        r"|nvidia-container-cli: (?:device|initialization|detection) error",
        "the engine's container sees no GPU",
        ends=2,
        blame=HARDWARE,
    ),
    # the machine
    _rule(  # `--shm-size` of vllm@.service
        r"(?:/dev/shm|shared memory segment)\b[^|\n]{0,200}No space left on device"
        r"|No space left on device[^|\n]{0,20}/dev/shm|Insufficient space in /dev/shm",
        "the engine's shared memory is full, which has 8 GiB on every machine: lower "
        "engine.tensor_parallel_size, or what engine.arguments keep there (caches, offloading)",
    ),
    _rule(
        r"No space left on device|Errno 28\b",
        "the disk is full: raise instance.root_volume_gib",
        blame=None,  # a new host has an empty one
    ),
    _rule(
        r"exec format error",
        "the engine's image is built for another processor: choose one for this instance.type",
    ),
    _rule(
        r"address already in use|port is already allocated",
        "something else on this machine uses the engine's port: change engine.port",
        ends=2,
    ),
)


def diagnosed(said: str, ends: int) -> str | None:
    """Return what keeps down a part that exited so many times in a row and last wrote this.

    None when no rule matches, or when the cause may still be transient.
    """
    rule = _of(said)
    found = rule.says.search(said) if rule else None
    if rule is None or found is None:
        return None
    return masked(found.expand(rule.means)) if ends >= rule.ends else None


def blame(said: str) -> str | None:
    """Return what has to change before such a part stays up; None: not known."""
    rule = _of(said)
    return rule.blame if rule else None


def _of(said: str) -> Rule | None:
    return next((rule for rule in RULES if rule.says.search(said)), None)
