r"""Patterns of the specification: each fits a whole text, in Python and in ECMA 262 alike.

Hence no \w, \d or \s, which in Python hold other alphabets too. schema/describing.py adds the
anchors.
"""

from __future__ import annotations

NAME = r"[a-z][a-z0-9-]{1,22}[a-z0-9]"
HOST_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = rf"(?:{HOST_LABEL}\.)+[a-z]{{2,63}}"


def _in_any_case(word: str) -> str:
    return "".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word)


# What huggingface_hub takes as a repository id (utils/_validators.py: `name` or `owner/name`, no
# `--`, no `..`, no `.git` at the end), or an absolute path without `.` and `..`.
_ID = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"
_STEP = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.:@+=-]+"
MODEL = rf"(?!.*(?:--|\.\.|\.git$))(?:{_ID}/)?{_ID}|(?:/{_STEP})+/?"

# What clients call a model: vLLM takes any text.
NAME_OF_MODEL = r"[!-~](?:[ -~]{0,198}[!-~])?"

# Names and addresses of other servers, and of what is sent to them.
HEADER_NAME = r"[A-Za-z0-9-]{1,100}"
HOST_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
ORIGIN = rf"\*|https?://{HOST_NAME}(?::[0-9]{{1,5}})?"
_AT = rf"{HOST_NAME}(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~/-]*)?"
URL, ANY_URL = rf"https://{_AT}", rf"https?://{_AT}"

# SSM parameters that a specification may name. A deployment's own secrets are not among them: a
# host would read them and pass them to an image of the caller's choice.
SECRETS = ("api-key", "keys", "tls")
_SECRET = "|".join(map(_in_any_case, SECRETS))
_PART = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"
PARAMETER = rf"(?:/inference|/lamplighter/{NAME}(?!/(?:{_SECRET})(?:/|$)))(?:/{_PART}){{1,13}}"

_SET_BY_US = "|".join([f"{_in_any_case(p)}:" for p in ("aws", "lamplighter")])
TAG_KEY = rf"(?!{_SET_BY_US}|{_in_any_case('name')}$)[A-Za-z0-9_ .:/=+@-]{{1,128}}"

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
RANGE = rf"(?:{_OCTET}\.){{3}}{_OCTET}/(?:3[0-2]|[12]?[0-9])"


def _multiples(step: int) -> str:
    return "|".join(str(octet) for octet in range(0, 256, step))


# 10/8, 172.16/12 and 192.168/16, from /16 to /20, but for 172.17/16, which Docker uses.
_SIXTEEN = rf"(?:10\.{_OCTET}|172\.(?:16|1[89]|2[0-9]|3[01])|192\.168)"
_NETS = "|".join(rf"(?:{_multiples(2 ** (24 - bits))})\.0/{bits}" for bits in range(16, 21))
VPC_RANGE = rf"{_SIXTEEN}\.(?:{_NETS})"

INSTANCE_TYPE = r"[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}"
# A full zone, e.g. us-east-1a or us-gov-west-1b; a Local Zone has its city in its name.
ZONE = r"[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}[a-z]"

TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
TIME_OR_MIDNIGHT = rf"{TIME}|24:00"
TIME_ZONE = r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}"
