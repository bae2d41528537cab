"""Will a model fit: what it needs of each GPU, the longest context, the cheapest machine.

    need = weights / (tensor x pipeline) + cache(context) x sequences / (min(tensor, key-value
    heads) x pipeline) + work space, which is to be at most memory x utilisation

Key-value heads are split over the GPUs of a stage, and copied where there are more GPUs than heads:
https://docs.vllm.ai/en/latest/configuration/conserving_memory/
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from orchestrator.capacity.model import Model
from orchestrator.capacity.prices import Offer

GIB = 2**30
# Activations and CUDA graphs take 1 to 3 GiB of each GPU.
LEAST_WORK_SPACE_GIB, WORK_SPACE_GIB = 1.0, 2.0
# Of the memory in a GPU's name, what the driver and error correction leave.
USABLE = 0.93


@dataclass(frozen=True, slots=True)
class Wish:
    """What the engine is asked for. context: tokens. element: bytes of the cache's type.

    work_gib: for activations and CUDA graphs, of each GPU.
    """

    context: int
    sequences: int = 1
    utilization: float = 0.9
    tensor: int = 1
    pipeline: int = 1
    element: int = 2
    work_gib: float = WORK_SPACE_GIB


def need_gib(model: Model, wish: Wish) -> float:
    """Return what each GPU holds, GiB."""
    return _fixed_gib(model, wish) + _cache_gib(model, wish, wish.context)


def fits(model: Model, wish: Wish, gpu_gib: float) -> bool:
    """gpu_gib: usable memory of each GPU."""
    return need_gib(model, wish) <= gpu_gib * wish.utilization


def longest_context(model: Model, wish: Wish, gpu_gib: float) -> int:
    """Return the most tokens that fit, at most those that the model was made for; 0: none."""
    room = gpu_gib * wish.utilization - _fixed_gib(model, wish)
    least, most = 0, model.context
    while least < most:
        middle = (least + most + 1) // 2
        if _cache_gib(model, wish, middle) <= room:
            least = middle
        else:
            most = middle - 1
    return least if room >= 0 else 0


def divisors(heads: int, most: int) -> list[int]:
    """Return the tensor parallel sizes that split the attention heads evenly."""
    return [size for size in range(1, most + 1) if heads % size == 0]


def cheapest(model: Model, wish: Wish, offers: Iterable[Offer]) -> tuple[Offer, int] | None:
    """Return the cheapest of the offers that fits, and over how many of its GPUs."""
    for offer in sorted(offers, key=lambda each: (each.usd, each.type)):
        for size in divisors(model.heads, offer.gpus):
            split = replace(wish, tensor=size, pipeline=1)
            if fits(model, split, offer.gpu_gib * USABLE):
                return offer, size
    return None


def _fixed_gib(model: Model, wish: Wish) -> float:
    return model.weight_bytes / GIB / (wish.tensor * wish.pipeline) + wish.work_gib


def _cache_gib(model: Model, wish: Wish, tokens: int) -> float:
    parts = min(wish.tensor, model.kv_heads) * wish.pipeline
    return model.cache_bytes(tokens, wish.element) * wish.sequences / GIB / parts
