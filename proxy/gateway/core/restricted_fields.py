"""Request fields that make the engine run or load what the caller sent, each with the reason.

By vLLM's own sources (0.11 to 0.32) a caller's `chat_template` is a program that nothing stops
(`chat_template_kwargs` could carry one, too, or replace other arguments of the same call),
embeddings go through `torch.load`, multimodal arguments choose decoders and sizes, and transfer
parameters name a host to load from. Newer versions refuse some of it by themselves; which version
runs is not known here.
"""

KWARGS = "chat_template_kwargs"
_TEMPLATE = "it is a program for the engine"
_TENSOR = "it is a serialised tensor, which the engine would load"
_MEDIA = "it changes how much the engine's processor of images, audio and video takes"
_TRANSFER = "it names where the engine loads from"

# Fields of the request itself.
TOP = {
    "chat_template": _TEMPLATE,
    "prompt_embeds": _TENSOR,
    "mm_processor_kwargs": _MEDIA,
    "media_io_kwargs": _MEDIA,
    "logits_processors": "it names code for the engine",
    "kv_transfer_params": _TRANSFER,
    "ec_transfer_params": _TRANSFER,
}
# Parts of a message's content: by their `type`, or by a field of this name.
PARTS = dict.fromkeys(("image_embeds", "audio_embeds", "video_embeds", "prompt_embeds"), _TENSOR)
# https://github.com/huggingface/transformers: apply_chat_template; vllm/renderers/hf.py calls it.
_ARGUMENTS = (
    "chat_template", "conversation", "messages", "model_config", "padding", "truncation",
    "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask",
    "sanitize_control_tokens", "self", "tokenize", "tokenizer", "tokenizer_kwargs",
    "processor_kwargs",
)  # fmt: skip
_OWN_FIELDS = ("tools", "documents", "add_generation_prompt", "continue_final_message")
REPLACED = dict.fromkeys(_ARGUMENTS, "it replaces an argument of the engine's own call") | {
    name: f"send {name!r} as a field of the request itself" for name in _OWN_FIELDS
}
NAMES = frozenset({*TOP, *PARTS, *(f"{KWARGS}.{name}" for name in REPLACED)})
