"""The engine's section of a specification."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.spec import engine_arguments, hints
from orchestrator.spec.patterns import PARAMETER
from orchestrator.spec.schema.fields import option

# The newest release that tests/vllm runs too (twin/engines/vllm.py: VERSION).
DEFAULT_ENGINE_IMAGE = "vllm/vllm-openai:v0.32.0"
# Values end up in deployment.env, which bash and systemd quote differently: a safe alphabet only.
_WORD = r"[A-Za-z0-9_./:@+=-]+"


@dataclass(frozen=True, slots=True)
class Engine:
    """vLLM and its settings; null leaves a setting to vLLM."""

    on_cpu: bool = option(
        False,
        about="run the engine although instance.gpu is false; engine.image must be a CPU build",
        type="boolean",
    )
    image: str = option(
        DEFAULT_ENGINE_IMAGE,
        about="container image with a tag or digest",
        type="string",
        pattern=rf"{_WORD}[:@]{_WORD}",
        maxLength=400,
        examples=["vllm/vllm-openai:v0.32.0"],
    )
    max_model_len: int | None = option(
        None, about="context length, tokens", type=["integer", "null"], minimum=16, maximum=10485760
    )
    gpu_memory_utilization: float = option(
        0.9,
        about="share of GPU memory (with on_cpu: of the machine's); above 0.95 vLLM may run out "
        "of memory at load",
        type="number",
        minimum=0.1,
        maximum=0.98,
    )
    tensor_parallel_size: int = option(
        1, about="GPUs per model copy", type="integer", minimum=1, maximum=16
    )
    pipeline_parallel_size: int = option(
        1, about="pipeline stages", type="integer", minimum=1, maximum=16
    )
    tool_call_parser: str | None = option(
        None,
        about="turns on tool calls: the model's format, e.g. hermes, llama3_json, mistral",
        type=["string", "null"],
        pattern=r"[a-z0-9_-]{1,40}",
        examples=["hermes"],
    )
    port: int = option(
        8000, about="loopback port of the engine", type="integer", minimum=1024, maximum=65535
    )
    hf_token_parameter: str | None = option(
        None,
        about="SSM SecureString with a Hugging Face token, under /inference/ or /lamplighter/NAME/",
        hint=hints.parameter,
        secret=True,
        type=["string", "null"],
        pattern=PARAMETER,
        maxLength=500,
        examples=["/inference/hf-token"],
    )
    arguments: tuple[str, ...] = option(
        [],
        about="further flags of `vllm serve`, one word each, e.g. --max-num-seqs, 64; "
        "JSON in vLLM's dotted form: --speculative-config.num_speculative_tokens=3",
        type="array",
        items={
            "type": "string",
            "pattern": engine_arguments.ALPHABET,
            "examples": ["--max-num-seqs"],
        },
        maxItems=engine_arguments.MAX_WORDS,
    )

    @property
    def gpus(self) -> int:
        """Return how many GPUs the engine uses."""
        copies = engine_arguments.data_parallel_size(self.arguments)
        return self.tensor_parallel_size * self.pipeline_parallel_size * copies
