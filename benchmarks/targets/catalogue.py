"""All targets by name. The order is that of the table."""

from benchmarks.errors import InvalidChoice
from benchmarks.system.processes import Command, free_port
from benchmarks.targets import gateway, nginx, peers
from benchmarks.targets.target import Lab, Target


def _gateway(lab: Lab, port: int) -> list[Command]:
    return [gateway.command(lab, port)]


def _interpreted(lab: Lab, port: int) -> list[Command]:
    return [gateway.interpreted(lab, port)]


def _before(lab: Lab, port: int) -> list[Command]:
    return [gateway.before(lab, port)]


def _nginx_and_gateway(lab: Lab, port: int) -> list[Command]:
    between = free_port()
    return [
        gateway.command(lab, between),
        nginx.command(lab.folder, port=port, upstream_port=between),
    ]


def _nginx(lab: Lab, port: int) -> list[Command]:
    return [nginx.command(lab.folder, port=port, upstream_port=lab.mock_port)]


def _both_versions() -> str:
    return f"{nginx.version()} + {gateway.version()}"


PEERS = {
    target.name: target
    for target in (
        Target("sglang-router", peers.sglang_router, peers.sglang_router_version),
        Target("vllm-router", peers.vllm_router, peers.vllm_router_version),
        Target("litellm", peers.litellm, peers.litellm_version),
    )
}
OURS = {
    target.name: target
    for target in (
        Target("gateway", _gateway, gateway.version),
        Target("nginx+gateway", _nginx_and_gateway, _both_versions),
        Target("gateway-interpreted", _interpreted, gateway.version),
        Target("nginx", _nginx, nginx.version),
    )
}
# The gateway of another commit (`make before COMMIT=...`), to be named by --targets.
BEFORE = Target("gateway-before", _before, gateway.version_before)
TARGETS = OURS | {BEFORE.name: BEFORE} | PEERS


def chosen(names: list[str]) -> list[Target]:
    """Raises InvalidChoice."""
    for name in names:
        if name not in TARGETS:
            raise InvalidChoice(f"{name!r} is no target: choose from {', '.join(TARGETS)}")
    return [TARGETS[name] for name in names]
