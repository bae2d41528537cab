"""Request fields that the gateway refuses unless a specification allows them.

The same as its own (gateway.core.restricted_fields), which a test compares: no function carries the
gateway's packages.
"""

from __future__ import annotations

_TEMPLATE = "chat_template_kwargs"
_ARGUMENTS = (
    "add_generation_prompt", "chat_template", "continue_final_message", "conversation", "documents",
    "max_length", "messages", "model_config", "padding", "processor_kwargs",
    "return_assistant_tokens_mask", "return_dict", "return_tensors", "sanitize_control_tokens",
    "self", "tokenize", "tokenizer", "tokenizer_kwargs", "tools", "truncation",
)  # fmt: skip
RESTRICTED = (
    "audio_embeds", "chat_template", "ec_transfer_params", "image_embeds", "kv_transfer_params",
    "logits_processors", "media_io_kwargs", "mm_processor_kwargs", "prompt_embeds", "video_embeds",
    *(f"{_TEMPLATE}.{name}" for name in _ARGUMENTS),
)  # fmt: skip
