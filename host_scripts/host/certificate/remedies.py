"""What an authority's refusal means, and what to do, from certbot's output."""

from __future__ import annotations

import re

from host.certificate.settings import Settings

_LONGEST = 300  # characters of what is repeated
_ACCOUNT = re.compile(r"accountDoesNotExist|[Aa]ccount (is )?(not valid|deactivated|not found)")
_REMEDIES = (
    (
        r"rateLimited|too many (certificates|failed|new orders|registrations)",
        (
            "the authority has counted too many orders: it is asked again by itself, in hours; "
            "to try things out use its staging directory (certificate.directory)"
        ),
    ),
    (
        r"urn:ietf:params:acme:error:caa|CAA record|Type: +caa",
        "a CAA record of the domain forbids this authority: add it there, or choose another",
    ),
    (
        r"rejectedIdentifier|Cannot issue for|policy forbids",
        "the authority does not issue for {host}: choose another name",
    ),
    (
        r"invalidContact|contact email|invalid email|unsupportedContact",
        "the authority refuses the address {email!r}: correct `email` in the specification",
    ),
    (
        (
            r"NXDOMAIN|No TXT record|Incorrect TXT record|DNS problem|SERVFAIL|"
            r"urn:ietf:params:acme:error:dns|Type: +dns|retrieving TXT"
        ),
        (
            "the authority does not see our TXT record at _acme-challenge.{host}: let the "
            "registrar name the name servers of the hosted zone (dns.zone_id, where there are two)"
        ),
    ),
    (
        (
            r"Fetching http|Timeout during connect|urn:ietf:params:acme:error:connection|"
            r"Invalid response from http|Type: +connection"
        ),
        (
            "the authority cannot fetch http://{host}/: open port 80 to all addresses "
            "(network.allowed_cidrs), or choose certificate.challenge dns-01"
        ),
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "the directory {directory} shows a certificate that this machine does not trust",
    ),
    (
        r"Max retries exceeded|NewConnectionError|Connection refused|timed out|ReadTimeout",
        "the authority at {directory} cannot be reached: it is asked again by itself",
    ),
)


def remedy(output: str, settings: Settings) -> tuple[str, bool]:
    """Return the sentence for the operator, and whether our account is what was refused."""
    said = _said(output)
    for pattern, sentence in _REMEDIES:
        if re.search(pattern, output):
            plain = sentence.format(
                host=settings.host, email=settings.email, directory=settings.directory
            )
            return f"{plain} (it said: {said})", False
    return f"the authority refused: {said}", bool(_ACCOUNT.search(output))


def _said(output: str) -> str:
    """Return the most specific line, shortened."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    details = [line for line in lines if re.search(r"Detail:|urn:ietf", line)]
    wrong = [line for line in lines if re.search(r"[Ee]rror\b.*: \S", line)]
    line = [*details, *wrong, *lines, "nothing"][0]
    return "".join(each if each.isprintable() else " " for each in line)[:_LONGEST]
