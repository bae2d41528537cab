"""Will the model run on the instance types that were asked for: memory, heads, disk, token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.aws.clients import Clients
from orchestrator.aws.internet import Unreachable
from orchestrator.capacity import fit, model_config, prices
from orchestrator.capacity.fit import GIB, Wish
from orchestrator.capacity.model import Model, describe
from orchestrator.capacity.model_config import Withheld
from orchestrator.capacity.quantisation import Incomputable
from orchestrator.launch import engine_image
from orchestrator.preflight.check import Check, Result
from orchestrator.spec import engine_arguments
from orchestrator.spec.deployment import Deployment

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeInfoTypeDef

_NAME = "model"
_GIVE = "give its config.json with `lamplighter plan --model-config FILE`"
_SEE = "the host's first boot shows it"
# The system, the driver and the engine's unpacked image.
_OTHER_FILES_GIB = 50
# Flags that change what fits in ways that this estimate does not cover.
_BEYOND = ("quantization", "load-format", "cpu-offload-gb", "speculative-config", "hf-overrides")
_CACHE_BYTES = {"fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1}
_BEFORE_AMPERE = frozenset({"NVIDIA T4", "NVIDIA V100"})


def look_up(
    clients: Clients, deployment: Deployment, config: Mapping[str, Any] | None = None
) -> Model | Check | None:
    """Return the model; where its size cannot be known, the check that says why; None: no engine.

    config: a config.json that the operator gave; without one the hub is asked.
    """
    if deployment.engine_kind == "none":
        return None
    try:
        return describe(config or _of_the_hub(clients, deployment))
    except Withheld as error:
        if deployment.engine.hf_token_parameter is None:
            remedy = "name the token in engine.hf_token_parameter, or correct the model's name"
            return Check(_NAME, Result.FAIL, str(error), "a model that the host can read", remedy)
        remedy = f"{_GIVE}; that the token was granted access is seen by the host only"
        return Check(_NAME, Result.UNKNOWN, str(error), remedy=remedy)
    except (Unreachable, Incomputable) as error:
        return Check(_NAME, Result.UNKNOWN, f"its size is not known: {error}", remedy=_GIVE)


def checks(
    clients: Clients,
    deployment: Deployment,
    types: list[InstanceTypeInfoTypeDef],
    model: Model | Check | None,
    sequences: int,
) -> list[Check]:
    """types: those that are asked for, as EC2 describes them.

    sequences: how many of the longest context are to fit at the same time.
    """
    if not isinstance(model, Model):
        return [model] if model else []
    words = deployment.engine.arguments
    beyond = [f"--{flag}" for flag in _BEYOND if _is_given(words, flag)]
    if beyond:
        found = f"{beyond[0]} changes what fits, which this estimate does not cover"
        return [Check(_NAME, Result.UNKNOWN, found, remedy=_SEE)]
    wish = _wish(deployment, model, sequences)
    return [
        *_heads(deployment, model),
        *_disk(deployment, model),
        *_memory(clients, deployment, model, wish, types),
    ]


def _wish(deployment: Deployment, model: Model, sequences: int) -> Wish:
    engine = deployment.engine
    cache = engine_arguments.value(engine.arguments, "kv-cache-dtype") or ""
    return Wish(
        context=engine.max_model_len or model.context,
        sequences=sequences,
        utilization=engine.gpu_memory_utilization,
        tensor=engine.tensor_parallel_size,
        pipeline=engine.pipeline_parallel_size,
        element=_CACHE_BYTES.get(cache, 2),
    )


def _is_given(words: tuple[str, ...], flag: str) -> bool:
    return any(word.replace("_", "-").startswith(f"--{flag}") for word in words)


def _of_the_hub(clients: Clients, deployment: Deployment) -> dict[str, Any]:
    revision = engine_arguments.value(deployment.engine.arguments, "revision") or "main"
    return model_config.of(deployment.model, revision, clients.fetch)


def _heads(deployment: Deployment, model: Model) -> list[Check]:
    name, size = "engine.tensor_parallel_size", deployment.engine.tensor_parallel_size
    if model.heads % size == 0:
        return []
    allowed = ", ".join(map(str, fit.divisors(model.heads, 16)))
    found = f"{size} does not divide the model's {model.heads} attention heads"
    return [Check(name, Result.FAIL, found, f"one of {allowed}", "choose another")]


def _disk(deployment: Deployment, model: Model) -> list[Check]:
    name, size = "instance.root_volume_gib", deployment.instance.root_volume_gib
    weights = model.weight_bytes / GIB
    needed = (
        f"{weights + _OTHER_FILES_GIB:.0f} GiB: weights {weights:.1f}, others {_OTHER_FILES_GIB}"
    )
    if size < weights:
        return [Check(name, Result.FAIL, f"{size} GiB", needed, "raise it")]
    if size < weights + _OTHER_FILES_GIB:
        return [Check(name, Result.WARN, f"{size} GiB", needed, "raise it")]
    return [Check(name, Result.PASS, f"{size} GiB", needed)]


def _memory(
    clients: Clients,
    deployment: Deployment,
    model: Model,
    wish: Wish,
    types: list[InstanceTypeInfoTypeDef],
) -> list[Check]:
    """Every type has to do, as any of them may be launched."""
    found = [_of_type(deployment, model, wish, each) for each in types]
    if all(each.result not in {Result.FAIL, Result.WARN} for each in found):
        return found
    best = _cheapest(clients, deployment, model, wish)
    return [
        replace(each, remedy=f"{each.remedy}, or {best}")
        if best and each.result in {Result.FAIL, Result.WARN}
        else each
        for each in found
    ]


def _of_type(
    deployment: Deployment, model: Model, wish: Wish, described: InstanceTypeInfoTypeDef
) -> Check:
    kind = described["InstanceType"]
    memory = _memory_gib(deployment, described)
    if memory is None:
        return Check(_NAME, Result.UNKNOWN, f"EC2 does not say how much memory {kind}'s GPUs have")
    longest = fit.longest_context(model, wish, memory)
    weights = model.weight_bytes / GIB / (wish.tensor * wish.pipeline)
    needed = (
        f"{fit.need_gib(model, wish):.1f} GiB: weights {weights:.1f}, cache for "
        f"{wish.sequences} x {wish.context} tokens, work space {wish.work_gib:.0f}"
    )
    offered = f"{kind} offers {memory * wish.utilization:.1f} GiB per GPU"
    found = f"{offered}, enough for {wish.sequences} x {longest} tokens"
    result, remedy = _verdict(model, wish, memory, longest)
    return Check(_NAME, result, found, needed, remedy)


def _verdict(model: Model, wish: Wish, memory: float, longest: int) -> tuple[Result, str]:
    """Return what comes of it, and the remedy. longest: the context that fits, tokens."""
    alone = replace(wish, sequences=1)
    one = fit.longest_context(model, alone, memory)
    tight = replace(alone, work_gib=fit.LEAST_WORK_SPACE_GIB)
    if longest >= wish.context:
        uncounted = f"its {model.uncounted} is not counted: {_SEE}"
        return (Result.UNKNOWN, uncounted) if model.uncounted else (Result.PASS, "")
    if one >= wish.context:
        return Result.WARN, f"at most {longest} tokens at a time fit for each of {wish.sequences}"
    if fit.longest_context(model, tight, memory) >= wish.context:
        return Result.WARN, f"it may just fit; set engine.max_model_len to at most {one} to be sure"
    if one < 1:
        return Result.FAIL, "choose a larger type, or a quantised model"
    return Result.FAIL, f"set engine.max_model_len to at most {one}"


def _memory_gib(deployment: Deployment, described: InstanceTypeInfoTypeDef) -> float | None:
    """Return the memory of one GPU; of the machine, where the engine runs on its processor."""
    if deployment.engine_kind == "cpu":
        mib = described.get("MemoryInfo", {}).get("SizeInMiB")
    else:
        gpus = described.get("GpuInfo", {}).get("Gpus") or [{}]
        mib = gpus[0].get("MemoryInfo", {}).get("SizeInMiB")
    return mib / 1024 if mib else None


def _cheapest(clients: Clients, deployment: Deployment, model: Model, wish: Wish) -> str:
    """Return the cheapest type that fits, as a remedy."""
    if deployment.engine_kind == "cpu":
        return ""
    image, layers = deployment.engine.image, model.parameters * 2
    is_quantised = model.weight_bytes < layers * 0.9
    offers = [
        offer
        for offer in prices.offers(clients.settings.region)
        if not offer.type.endswith(".metal")
        and not engine_image.unsupported_gpus(image, [offer.gpu.removeprefix("NVIDIA ")])
        and not (is_quantised and offer.gpu in _BEFORE_AMPERE)
    ]
    found = fit.cheapest(model, wish, offers)
    if found is None:
        return ""
    offer, size = found
    split = f" with engine.tensor_parallel_size {size}" if size > 1 else ""
    return f"the cheapest that fits, {offer.type}{split} (${offer.usd:.2f} an hour)"
