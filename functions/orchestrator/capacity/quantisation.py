"""How many bytes a quantised model stores per parameter, by its quantization_config.

https://huggingface.co/docs/transformers/quantization/overview
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SCALE = 16  # bits of a group's scale, for awq and gptq
# Bits per parameter with the scales of its blocks, where the method alone says it.
_FIXED = {
    "fp8": 8.0,
    "fbgemm_fp8": 8.0,
    "mxfp4": 4 + 8 / 32,  # blocks of 32 with one byte, OCP Microscaling Formats 1.0
}
_MODELOPT = {"FP8": 8.0, "NVFP4": 4 + 8 / 16}
_IN_GROUPS = ("awq", "gptq", "auto-round")


class Incomputable(ValueError):
    """A config.json does not say what the estimate needs; the text says what."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes per parameter; 0: as the model's own type has it."""

    attention: float = 0
    feed_forward: float = 0


def stored(config: Mapping[str, Any]) -> Stored:
    """Return how the layers are stored; raise Incomputable for a method that is not known."""
    if not config:
        return Stored()
    size = _bits(config) / 8
    names = [
        config.get(key) or () for key in ("modules_to_not_convert", "ignore", "exclude_modules")
    ]
    left_out = any("self_attn" in str(name) for some in names for name in some)
    return Stored(attention=0 if left_out else size, feed_forward=size)


def _bits(config: Mapping[str, Any]) -> float:
    method = str(config.get("quant_method", "")).lower()
    if method in _FIXED:
        return _FIXED[method]
    if method in _IN_GROUPS and "bits" in config:
        return _grouped(config["bits"], config.get("group_size"))
    if method == "compressed-tensors":
        groups = [each["weights"] for each in config.get("config_groups", {}).values()]
        if groups:
            return max(_grouped(each["num_bits"], each.get("group_size")) for each in groups)
    if method == "bitsandbytes":
        return 4 + 32 / 64 if config.get("load_in_4bit") else 8
    if method == "modelopt" and config.get("quant_algo") in _MODELOPT:
        return _MODELOPT[config["quant_algo"]]
    raise Incomputable(
        f"it is quantised by {method or 'an unnamed method'}, which is not known here"
    )


def _grouped(bits: int, group: int | None) -> float:
    """One scale and one zero point per group; -1 or none: per column, which is nothing."""
    return bits + ((_SCALE + bits) / group if group and group > 0 else 0)
