"""Ask every layer of this host, then the whole chain for one token: `verify.py FILE [SECONDS]`.

It asks again until all is well, for SECONDS at most: a chain that comes up is seen at once. Writes
{"ok", "boot_id", "at", "layers": {name: null or what is wrong}} into FILE, whole or not at all.
Reads only, repairs nothing. AWS may be away: then the engine is asked for the token directly, and
the chain for its refusal of a request without a key.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

from host.machine.settings import parse
from host.probes.answers import Answer, exchange
from host.probes.api_key import ApiKey
from host.probes.check import Check

AGAIN = 2.0  # seconds
QUICK = 5.0  # seconds for an answer that needs no thinking
COMPLETION = 60.0  # seconds for one token: others may be asking too
OK, BAD_REQUEST, UNAUTHORIZED = 200, 400, 401


def main(target: Path, seconds: float, environ: Mapping[str, str]) -> None:
    told = parse(Path(environ.get("DEPLOYMENT_ENV", "/opt/lamplighter/deployment.env")).read_text())
    front = environ.get("FRONT_URL", "https://127.0.0.1")
    boot_id = Path(environ.get("BOOT_ID_FILE", "/proc/sys/kernel/random/boot_id"))
    until = time.monotonic() + seconds
    while not write(target, boot_id, verify(told, front)) and time.monotonic() < until:
        time.sleep(AGAIN)


def write(target: Path, boot_id: Path, layers: dict[str, str | None]) -> bool:
    """Return whether all is well."""
    verdict = {
        "ok": not any(layers.values()),
        "boot_id": boot_id.read_text().strip(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "layers": layers,
    }
    new = target.with_name(f"{target.name}.new")
    new.write_text(json.dumps(verdict) + "\n")
    new.chmod(0o644)
    new.replace(target)
    return not any(layers.values())


def verify(told: dict[str, str], front: str) -> dict[str, str | None]:
    """From the inside out; a token is only asked for when every layer answers."""
    engine = f"http://127.0.0.1:{told['VLLM_PORT']}"
    gateway = f"http://127.0.0.1:{told['GATEWAY_PORT']}"
    layers = {} if told["ENGINE"] == "none" else {"engine": answers(f"{engine}/health")}
    layers["gateway"] = answers(f"{gateway}/health/ready")  # 200 too when the engine is disabled
    layers["nginx"] = answers(f"{front}/health/live")
    if told["ENGINE"] != "none" and not any(layers.values()):
        layers["completion"] = completion(told, engine, front)
    return layers


def answers(url: str, status: int = OK) -> str | None:
    return wrong(url, exchange("GET", url, seconds=QUICK), status)


def wrong(url: str, found: Answer | Check, status: int = OK) -> str | None:
    if isinstance(found, Check):
        return found.why
    return None if found.status == status else f"{url} answered {found.status}"


def completion(told: dict[str, str], engine: str, front: str) -> str | None:
    key = api_key(told)
    if isinstance(key, str):
        return token(told["MODEL"], front, key)
    chat = f"{front}/v1/chat/completions"
    refused = exchange("POST", chat, seconds=QUICK, body={"model": told["MODEL"], "messages": []})
    return wrong(chat, refused, UNAUTHORIZED) or token(told["MODEL"], engine, None)


def api_key(told: dict[str, str]) -> str | Check:
    quick = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
    ssm = boto3.client("ssm", region_name=told["AWS_REGION"], config=quick)
    return ApiKey(ssm, told["API_KEY_PARAMETER"], time.monotonic).read()


def token(model: str, origin: str, key: str | None) -> str | None:
    """Ask as a chat; a model without a chat template refuses that with 400 and is asked plainly."""
    asked = {"model": model, "max_tokens": 1}
    url = f"{origin}/v1/chat/completions"
    said = {**asked, "messages": [{"role": "user", "content": "Say yes."}]}
    found = exchange("POST", url, seconds=COMPLETION, key=key, body=said)
    if isinstance(found, Answer) and found.status == BAD_REQUEST:
        url = f"{origin}/v1/completions"
        found = exchange("POST", url, seconds=COMPLETION, key=key, body={**asked, "prompt": "Yes"})
    if problem := wrong(url, found):
        return problem
    document: Any = found.json() if isinstance(found, Answer) else None
    has_choice = isinstance(document, dict) and document.get("choices")
    return None if has_choice else f"{url} answered without a choice"


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else 0.0, os.environ)
