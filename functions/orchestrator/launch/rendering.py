"""The files of the instance: rendered templates, the manifest that guards them, user_data.

Scripts hold no values, values hold no script: everything that differs between deployments is in
deployment.env (and in nginx.conf, which cannot read it). user_data knows the hashes of fetch.py and
of SHA256SUMS; fetch.py verifies every other file by the latter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.aws import naming
from orchestrator.launch import gateway_settings
from orchestrator.release import RELEASE
from orchestrator.settings import Settings
from orchestrator.spec.deployment import Deployment
from orchestrator.spec.difference import digest

MANIFEST = "SHA256SUMS"  # has the hashes of all other files
_REPORT_SECONDS = 30
_REPORTS_PER_SILENCE = 6  # a host may lose some reports before it counts as silent
_USER_DATA, _PROGRAM = "bootstrap.py", "fetch.py"


@dataclass(frozen=True, slots=True)
class HostFiles:
    """files: path relative to the scripts folder -> content; prefix: their place in the bucket."""

    files: dict[str, bytes]
    prefix: str
    user_data: str


def render(folder: Path, deployment: Deployment, settings: Settings, image: str) -> HostFiles:
    """Return the instance's files. The prefix ends with the hash of the manifest: an instance boots
    from exactly what it was launched with, whatever is uploaded later.
    """
    import jinja2  # noqa: PLC0415 - a third of a cold start, and of all functions one renders

    values = _values(deployment, settings, image)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - shell and nginx, not HTML
    )
    files = {}
    templates = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".j2":
            templates[path.stem] = environment.from_string(path.read_text("utf-8"))
        elif path.is_file() and "__pycache__" not in path.parts:
            files[name] = path.read_bytes()
    user_data = templates.pop(_USER_DATA)
    files |= {name: template.render(values).encode() for name, template in templates.items()}
    files[MANIFEST] = manifest(files).encode()
    prefix = f"scripts/{_sha256(files[MANIFEST])}"
    bucket = _bucket(deployment, settings)
    program = _sha256(files[_PROGRAM])
    known = user_data.render(values, bucket=bucket, folder=prefix, program_sha256=program)
    return HostFiles(files, prefix, known)


def _bucket(deployment: Deployment, settings: Settings) -> str:
    return naming.bucket(deployment.name, settings.account, settings.region)


def manifest(files: dict[str, bytes]) -> str:
    """Return the files' digests in the format of sha256sum."""
    return "".join(f"{_sha256(files[name])}  {name}\n" for name in sorted(files))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def vllm_args(deployment: Deployment) -> str:
    """Return vLLM's flags; what the specification leaves out is left to vLLM."""
    engine = deployment.engine
    flags: list[tuple[str, Any]] = [
        ("--tensor-parallel-size", engine.tensor_parallel_size),
        ("--pipeline-parallel-size", engine.pipeline_parallel_size),
        ("--gpu-memory-utilization", engine.gpu_memory_utilization),  # on a CPU: of its memory
    ]
    if engine.max_model_len:
        flags.append(("--max-model-len", engine.max_model_len))
    if engine.tool_call_parser:
        flags += [
            ("--enable-auto-tool-choice", ""),
            ("--tool-call-parser", engine.tool_call_parser),
        ]
    return " ".join(f"{flag} {value}".strip() for flag, value in flags)


def _values(deployment: Deployment, settings: Settings, image: str) -> dict[str, Any]:
    engine, certificate = deployment.engine, deployment.certificate
    wanted = digest(deployment.document())
    return {
        "release": RELEASE,
        "installation": settings.installation,
        "deployment": deployment.name,
        "account": settings.account,
        "aws_region": settings.region,
        "event_bus": settings.event_bus,
        "endpoint_host": deployment.host or "",
        "email": deployment.email or "",
        "engine": deployment.engine_kind,
        "gpus": engine.gpus if deployment.instance.gpu else 0,
        "model": deployment.model,
        "vllm_image": deployment.engine.image,
        "vllm_port": deployment.engine.port,
        "vllm_args": vllm_args(deployment),
        "engine_arguments": " ".join(engine.arguments),
        "gateway_image": image,
        "gateway_settings": "/".join(
            (settings.account, _bucket(deployment, settings), gateway_settings.key(wanted))
        ),
        "gateway_port": deployment.gateway.port,
        "default_timeout_seconds": deployment.gateway.default_timeout_seconds,
        "max_timeout_seconds": deployment.gateway.max_timeout_seconds,
        "requests_per_minute_per_address": deployment.gateway.requests_per_minute_per_address,
        "hf_token_parameter": deployment.engine.hf_token_parameter or "",
        "api_key_parameter": naming.api_key_parameter(deployment.name),
        "keys_path": naming.keys_path(deployment.name),
        "report_seconds": _report_seconds(settings.host_silence_seconds),
        "certificate": certificate.challenge if deployment.host else "self-signed",
        "own_certificate": certificate.own_parameter or "",
        "acme_directory": certificate.directory,
        "hosted_zone": deployment.dns.zone_id or "",
        "tls_path": naming.tls_path(deployment.name),
        "metrics_namespace": naming.metrics_namespace(deployment.name),
    }


def _report_seconds(host_silence_seconds: float) -> int:
    return max(1, min(_REPORT_SECONDS, round(host_silence_seconds / _REPORTS_PER_SILENCE)))
