"""Ask every layer of this host, then the whole chain for one token: `verify FILE [SECONDS]`.

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
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import boto3
from botocore.config import Config

from host.machine import files
from host.machine.settings import parse
from host.probes import chain as chains
from host.probes.answers import Answer, exchange, expect_ok
from host.probes.api_key import ApiKey
from host.probes.chain import Chain
from host.probes.check import Check
from host.probes.completion import completes

AGAIN = 2.0  # seconds
QUICK = 5.0  # seconds for an answer that needs no thinking
COMPLETION = 60.0  # seconds for one token: others may be asking too


def main(target: Path, seconds: float, environ: Mapping[str, str]) -> None:
    values = parse(Path(environ["DEPLOYMENT_ENV"]).read_text())
    chain = chains.load(values, environ)
    boot_id = Path(environ.get("BOOT_ID_FILE", "/proc/sys/kernel/random/boot_id"))
    until = time.monotonic() + seconds
    while not write(target, boot_id, verify(chain, values)) and time.monotonic() < until:
        time.sleep(AGAIN)


def write(target: Path, boot_id: Path, layers: dict[str, str | None]) -> bool:
    """Return whether all is well."""
    verdict = {
        "ok": not any(layers.values()),
        "boot_id": boot_id.read_text().strip(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "layers": layers,
    }
    files.write(target, json.dumps(verdict) + "\n", files.PUBLIC)
    return not any(layers.values())


def verify(chain: Chain, values: Mapping[str, str]) -> dict[str, str | None]:
    """From the inside out; a token is only asked for when every layer answers."""
    layers = {"engine": answers(f"{chain.engine}/health")} if chain.engine else {}
    layers["gateway"] = answers(f"{chain.gateway}/health/ready")  # 200 when the engine is disabled
    layers["nginx"] = answers(f"{chain.nginx}/health/live")
    if chain.engine and not any(layers.values()):
        layers["completion"] = completion(chain, chain.engine, values)
    return layers


def answers(url: str) -> str | None:
    return _why(expect_ok(url, exchange("GET", url, seconds=QUICK)))


def completion(chain: Chain, engine: str, values: Mapping[str, str]) -> str | None:
    key = api_key(values)
    if isinstance(key, str):
        return _why(completes(str(chain.nginx), chain.model, seconds=COMPLETION, key=key))
    return refuses_strangers(chain) or _why(completes(engine, chain.model, seconds=COMPLETION))


def refuses_strangers(chain: Chain) -> str | None:
    url = f"{chain.nginx}/v1/chat/completions"
    found = exchange("POST", url, seconds=QUICK, body={"model": chain.model, "messages": []})
    if isinstance(found, Answer) and found.status == HTTPStatus.UNAUTHORIZED:
        return None
    return f"{url} answered {found.status}" if isinstance(found, Answer) else found.why


def api_key(values: Mapping[str, str]) -> str | Check:
    quick = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
    ssm = boto3.client("ssm", region_name=values["AWS_REGION"], config=quick)
    return ApiKey(ssm, values["API_KEY_PARAMETER"], time.monotonic).read()


def _why(problem: Check | None) -> str | None:
    return None if problem is None else problem.why


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else 0.0, os.environ)
