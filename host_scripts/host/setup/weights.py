"""Print the bytes of a model's weights, its token on stdin: `... | weights MODEL PARAMETER`.

Two numbers: what vLLM fetches, and what it holds in GPU memory at least; 0 is unknown. PARAMETER
is where the token is from, or empty.

Asks the Hugging Face Hub once, before vLLM spends minutes on it: a model that does not exist or may
not be read ends this with a sentence and status 91. A hub that cannot be reached prints zeros.
"""

import http
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from host.setup.refusal import refuse

HUB = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
SECONDS = 10.0

# Bytes of a number in GPU memory. vLLM halves float32; other types are not counted.
LOADED = {"F64": 2, "F32": 2, "BF16": 2, "F16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1}
LOADED |= {"I16": 2, "I32": 4, "I64": 8}  # several small numbers in one


def main(model: str, parameter: str, token: str) -> None:
    path = urllib.parse.quote(model)
    try:
        # A gated model is listed publicly; only its files need a token.
        ask(f"{HUB}/{path}/resolve/main/config.json", token, may_lack=True)
        about = json.loads(ask(f"{HUB}/api/models/{path}?blobs=true", token))
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"the Hugging Face Hub answered {error.code} {words(error)}\n")
        if why := refusal(error, model, parameter):
            refuse(why)
        unknown("the Hugging Face Hub does not say how large the model is")
    except (OSError, ValueError) as error:
        unknown(f"the Hugging Face Hub cannot be asked: {type(error).__name__}")
    else:
        sys.stdout.write(f"{fetched(about)} {loaded(about)}\n")


def ask(url: str, token: str, *, may_lack: bool = False) -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - https, or a test's
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            found: bytes = answer.read()
    except urllib.error.HTTPError as error:
        if may_lack and error.headers.get("X-Error-Code") == "EntryNotFound":
            return b""  # the model may be read, and has no such file
        raise
    return found


def words(error: urllib.error.HTTPError) -> str:
    return " ".join(error.headers.get(f"X-Error-{part}", "") for part in ("Code", "Message"))


def refusal(error: urllib.error.HTTPError, model: str, parameter: str) -> str | None:
    """Return what the answer means, if asking again would not change it.

    With a token that it does not know, the hub answers 401 to everything, public models included;
    without one, also for what does not exist. With a good token 401 never comes.
    """
    if error.headers.get("X-Error-Code") == "GatedRepo" or error.code == http.HTTPStatus.FORBIDDEN:
        return gated(model, parameter)
    if error.code == http.HTTPStatus.UNAUTHORIZED and parameter:
        return (
            f"Hugging Face refuses the token in the SSM parameter {parameter}, which is mistyped,"
            " revoked or expired: write a valid one into it, or correct engine.hf_token_parameter"
        )
    if error.code == http.HTTPStatus.UNAUTHORIZED:
        return (
            f"the model {model} does not exist, or is private: correct `model`, or name a token"
            " that may read it (engine.hf_token_parameter)"
        )
    if error.code == http.HTTPStatus.NOT_FOUND:
        return (
            f"the model {model} does not exist on the Hugging Face Hub: correct `model`"
            + (f", or if it is private, let the token in {parameter} read it" if parameter else "")
        )  # fmt: skip
    return None


def gated(model: str, parameter: str) -> str:
    if parameter:
        return (
            f"the model {model} is gated: accept its licence on huggingface.co with the account"
            f" whose token {parameter} holds, and let the token read gated repositories"
        )
    return (
        f"the model {model} is gated: accept its licence on huggingface.co, and name a token of"
        " that account (engine.hf_token_parameter)"
    )


def fetched(about: Any) -> int:
    """Return what vLLM fetches: the safetensors, or the older .bin files where there are none."""
    return files(about, ".safetensors") or files(about, ".bin")


def loaded(about: Any) -> int:
    """Return what lies in GPU memory at least: some repositories hold the same weights twice."""
    parameters = (about.get("safetensors") or {}).get("parameters") or {}
    least = sum(int(count) * LOADED.get(kind, 0) for kind, count in parameters.items())
    return min(least, files(about, ".safetensors"))


def files(about: Any, ending: str) -> int:
    sizes = {each["rfilename"]: each.get("size") or 0 for each in about.get("siblings", [])}
    return sum(size for name, size in sizes.items() if name.endswith(ending))


def unknown(why: str) -> None:
    sys.stderr.write(f"{why}; vLLM will ask again by itself\n")
    sys.stdout.write("0 0\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.stdin.read().strip())
