#!/usr/bin/env python3
"""Print the bytes of a model's weights, its token on stdin: `... | weights.py MODEL`.

Asks the Hugging Face Hub once, before vLLM spends minutes to find out: a model that does not exist
or is not ours to read ends this with a sentence. A hub that cannot be reached prints 0.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

HUB = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
SECONDS = 10.0
REFUSED = {
    401: "does not exist, or is private: correct `model`, or name a token that may read it"
    " (engine.hf_token_parameter)",
    403: "is gated: accept its licence on huggingface.co with the account whose token"
    " engine.hf_token_parameter names",
    404: "does not exist on the Hugging Face Hub: correct `model`",
}


def main(model: str, token: str) -> None:
    try:
        ask(f"{HUB}/{urllib.parse.quote(model)}/resolve/main/config.json", token)
        about = json.loads(ask(f"{HUB}/api/models/{urllib.parse.quote(model)}?blobs=true", token))
    except urllib.error.HTTPError as error:
        if why := REFUSED.get(error.code):
            sys.exit(f"the model {model} {why}")
        tell(f"the Hugging Face Hub answered {error.code}")
    except (OSError, ValueError) as error:
        tell(f"the Hugging Face Hub cannot be asked: {type(error).__name__}")
    else:
        sys.stdout.write(f"{size(about)}\n")


def ask(url: str, token: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - https, or a test's
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        found: bytes = answer.read()
    return found


def size(about: Any) -> int:
    """Return what vLLM fetches: the safetensors, or the older .bin files where there are none."""
    sizes = {each["rfilename"]: each.get("size") or 0 for each in about.get("siblings", [])}
    for ending in (".safetensors", ".bin"):
        if found := sum(size for name, size in sizes.items() if name.endswith(ending)):
            return found
    return 0


def tell(why: str) -> None:
    sys.stderr.write(f"{why}; vLLM will ask again by itself\n")
    sys.stdout.write("0\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.read().strip())
