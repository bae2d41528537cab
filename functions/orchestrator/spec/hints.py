"""What to write in place of a refused text, where that can be guessed; None where it cannot."""

from __future__ import annotations

import ipaddress
import re

from orchestrator.spec.patterns import DOMAIN, MODEL, NAME, SECRETS, TIME, VPC_RANGE

_DOCKER = ipaddress.IPv4Network("172.17.0.0/16")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def name(text: str) -> str | None:
    plain = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    return f"write {plain}" if re.fullmatch(NAME, plain) else None


def model(text: str) -> str | None:
    """A page of the Hub names its model in the first two parts of its path."""
    page = re.match(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/+([^/?#]+/[^/?#]+)", text)
    if page and re.fullmatch(MODEL, page[1]):
        return f"write {page[1]}"
    if "://" in text:
        return "an address is no model; write the id that its page on huggingface.co shows"
    return None


def domain(text: str) -> str | None:
    """A domain out of an address, or in capital letters."""
    plain = re.sub(r"^[a-z]+://|/.*$|\.$", "", text.lower())
    return f"write {plain}" if plain != text and re.fullmatch(DOMAIN, plain) else None


def vpc_range(text: str) -> str | None:
    network = _network(text)
    if network is None:
        return "it is not an IPv4 range"
    if network.overlaps(_DOCKER):
        return f"it overlaps {_DOCKER}, which Docker uses on the instance"
    return f"write {network}" if re.fullmatch(VPC_RANGE, str(network)) else None


def address_range(text: str) -> str | None:
    network = _network(text)
    if network is None:
        return "it is not an IPv4 range"
    return f"write {network}"


def parameter(text: str) -> str | None:
    if not text.startswith("/"):
        return "name the SSM parameter that holds the secret, never the secret itself"
    if any(part.lower() in SECRETS for part in text.split("/")[3:4]):
        return f"{', '.join(SECRETS)} are a deployment's own secrets; name another parameter"
    return None


def time_of_day(text: str) -> str | None:
    """A time with one digit too few, or midnight as the beginning of a day."""
    hour, _, minute = text.strip().partition(":")
    plain = "00:00" if text == "24:00" else f"{hour:>02}:{minute or '00':>02}"
    return f"write {plain}" if re.fullmatch(TIME, plain) else None


def day(text: str) -> str | None:
    name = text.strip().lower()
    return next((f"write {each[:3]}" for each in _DAYS if _is_day(name, each)), None)


def _is_day(name: str, day: str) -> bool:
    return len(name) > 1 and (day.startswith(name) or name.rstrip("s.") == day)


def _network(text: str) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        return None
