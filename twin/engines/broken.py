"""`python -m twin.engines.broken TEXT`: an engine that logs this text and exits."""

from __future__ import annotations

import sys

# As vLLM 0.32 logs it for an architecture that it does not know.
UNKNOWN_MODEL = (
    "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig | "
    "Value error, Model architectures ['LamplighterForCausalLM'] are not supported for now. "
    "Supported architectures: dict_keys(['LlamaForCausalLM', 'Qwen2ForCausalLM'])"
)


def main() -> None:
    sys.exit(sys.argv[1])


if __name__ == "__main__":
    main()
