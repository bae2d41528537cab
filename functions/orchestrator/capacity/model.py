"""How much memory a model takes, computed from its config.json: weights, and cache per token.

    parameters    embeddings + layers x (attention + feed-forward, of every expert)
    weight bytes  parameters x bytes of their type; a quantised model stores the layers smaller
    cache bytes   2 x layers x key-value heads x head size x bytes of the cache's type, per token

Norms, biases and the rotary table are less than 0.1 % and left out. A layer with a sliding window
keeps the window only, where config.json names such layers; else every layer is counted in full,
an upper bound. https://huggingface.co/docs/transformers/main_classes/configuration
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.capacity import quantisation
from orchestrator.capacity.quantisation import Incomputable

_BYTES = 2  # bfloat16 and float16; vLLM loads float32 as one of them
_FULL, _SLIDING = "full_attention", "sliding_attention"
# Two matrices in the feed-forward part; all others have a gate, too.
_UNGATED = {"gpt_neox", "nemotron", "opt", "phi", "starcoder2"}
# Keys of architectures whose size or cache this formula does not give.
_OTHER_ARCHITECTURES = {
    "kv_lora_rank": "multi-head latent attention",
    "attn_layer_period": "state-space layers",
    "mamba_d_state": "state-space layers",
    "ssm_state_size": "state-space layers",
    "interleave_moe_layer_step": "experts in some layers only",
    "hidden_size_per_layer_input": "embeddings per layer",
    "encoder_layers": "an encoder",
}
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_MOST = 10**9
_MOST_LAYERS = 10**4  # each is looked at; anybody may publish a config.json
_ENCODERS = {"vision_config": "vision encoder", "audio_config": "audio encoder"}


@dataclass(frozen=True, slots=True)
class Model:
    """A model's shape and size. window: tokens that each of `sliding` layers keeps.

    context: tokens, the longest that it was made for. uncounted: a part that config.json does not
    size; empty when all is counted.
    """

    parameters: int
    weight_bytes: float
    heads: int
    kv_heads: int
    head_size: int
    layers: int
    sliding: int
    window: int
    context: int
    uncounted: str = ""

    def cache_bytes(self, tokens: int, element: int = _BYTES) -> int:
        """Return what one sequence of so many tokens keeps in the cache; element: bytes."""
        kept = (self.layers - self.sliding) * tokens + self.sliding * min(tokens, self.window)
        return 2 * self.kv_heads * self.head_size * element * kept


def describe(config: Mapping[str, Any]) -> Model:
    """Return the model of a config.json; raise Incomputable when it does not say enough."""
    try:
        return _described(config)
    except Incomputable:
        raise
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Incomputable(f"its form is not understood: {error}") from error


def _described(config: Mapping[str, Any]) -> Model:
    text = {**config, **(config.get("text_config") or {})}
    for key, what in _OTHER_ARCHITECTURES.items():
        if text.get(key):
            raise Incomputable(f"it has {what} ({key}), which this estimate does not cover")
    hidden, layers, heads = (
        _number(text, key) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")
    )
    if layers > _MOST_LAYERS:
        raise Incomputable(f"it has {layers} layers")
    kv_heads = _number(text, "num_key_value_heads", heads)
    head_size = _number(text, "head_dim", hidden // heads)
    embeddings = _number(text, "vocab_size") * hidden
    embeddings *= 1 if text.get("tie_word_embeddings") else 2
    attention = layers * 2 * hidden * head_size * (heads + kv_heads)
    dense, experts, routers = _feed_forward(text, hidden, layers)
    stored = quantisation.stored(text.get("quantization_config") or {})
    sliding, window = _windows(text, layers)
    return Model(
        parameters=embeddings + attention + dense + experts + routers,
        weight_bytes=_BYTES * (embeddings + routers)
        + (stored.attention or _BYTES) * attention
        + (stored.feed_forward or _BYTES) * (dense + experts),
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        layers=layers,
        sliding=sliding,
        window=window,
        context=_number(text, "max_position_embeddings"),
        uncounted=next((what for key, what in _ENCODERS.items() if config.get(key)), ""),
    )


def _feed_forward(text: Mapping[str, Any], hidden: int, layers: int) -> tuple[int, int, int]:
    """Return the parameters of dense layers, of experts, and of what routes to these."""
    matrix = (2 if text.get("model_type") in _UNGATED else 3) * hidden
    wide = _number(text, "intermediate_size")
    count = next((_number(text, key) for key in _EXPERTS if text.get(key)), 0)
    if not count:
        return layers * matrix * wide, 0, 0
    narrow = _number(text, "moe_intermediate_size", wide)
    shared = int(text.get("n_shared_experts") or 0) * narrow
    shared += int(text.get("shared_expert_intermediate_size") or 0)
    step = _number(text, "decoder_sparse_step", 1)
    dense = {*range(min(int(text.get("first_k_dense_replace") or 0), layers))}
    dense |= {*(text.get("mlp_only_layers") or ())}
    sparse = sum((n + 1) % step == 0 and n not in dense for n in range(layers))
    return (
        (layers - sparse) * matrix * wide,
        sparse * matrix * (count * narrow + shared),
        sparse * hidden * count,
    )


def _windows(text: Mapping[str, Any], layers: int) -> tuple[int, int]:
    """Return how many layers have a sliding window, and the window in tokens."""
    kinds = text.get("layer_types") or []
    if strange := sorted(set(kinds) - {_FULL, _SLIDING}):
        raise Incomputable(f"it has layers of {strange[0]}, which this estimate does not cover")
    if not text.get("sliding_window") or text.get("use_sliding_window") is False:
        return 0, 0
    pattern = _number(text, "sliding_window_pattern", 1)  # every so many layers a full one
    sliding = kinds.count(_SLIDING) if kinds else layers - layers // pattern
    return min(sliding, layers), _number(text, "sliding_window")


def _number(text: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """Return a whole number from 1 to a billion; without one, the default if there is one."""
    value = default if text.get(key) is None else text[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST:
        raise Incomputable(f"it has no number {key}")
    return value
