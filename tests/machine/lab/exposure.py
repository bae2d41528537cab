"""Where others look: every place that no secret may reach, and whether one is there.

The looks inside the machine are shell pipelines that print where they found the pattern and nothing
of it: what they print goes into a failed test's output.
"""

from __future__ import annotations

import base64

import boto3
from machine.lab.cloud import network
from machine.lab.whole import Lab

_TOKEN = "X-aws-ec2-metadata-token"
_METADATA = f"http://{network.METADATA}/latest"
_ASK = "curl --silent --fail --max-time 5"
_USER_DATA = (
    f"token=$({_ASK} --request PUT --header '{_TOKEN}-ttl-seconds: 60' {_METADATA}/api/token); "
    f'{_ASK} --header "{_TOKEN}: $token" {_METADATA}/user-data'
)

# by anybody who runs something on the machine, as a program that was taken over does
_AS_NOBODY = {
    "files": "grep -rlsaE '{pattern}' /etc /home /opt /root /run /srv /tmp /usr/local /var",
    "command lines": "grep -lsaE '{pattern}' /proc/[0-9]*/cmdline",
    "environments": "grep -lsaE '{pattern}' /proc/[0-9]*/environ",
    "units": "{{ systemctl show --all '*'; systemctl cat '*'; }} 2>&1 | grep -acE '{pattern}'",
    "user data": f"{{{{ {_USER_DATA}; }}}} | grep -acE '{{pattern}}'",
}
# by whoever reads what root's programs left: an administrator, a backup, a log that is sent away
_AS_ROOT = {
    "journal": "journalctl --output=export --no-pager | grep -acE '{pattern}'",
    "root's files": "grep -rlsaE '{pattern}' --exclude-dir=tls "
    "/etc /home /opt /root /tmp /usr/local /var/cache /var/lib/cloud /var/log /var/tmp",
    "root's command lines": "grep -lsaE '{pattern}' /proc/[0-9]*/cmdline",
}
PLACES = {*_AS_NOBODY, *_AS_ROOT, "console", "events and metrics", "bucket"}


def exposed(lab: Lab, secret: str) -> dict[str, str]:
    """Return place -> where in it, for each of PLACES that has the secret, plain or in base64."""
    forms = [secret, *_in_base64(secret)]
    seen = {
        **{name: _inside(lab, look, forms, nobody=True) for name, look in _AS_NOBODY.items()},
        **{name: _inside(lab, look, forms, nobody=False) for name, look in _AS_ROOT.items()},
        "console": _holds(lab.console(), forms),
        "events and metrics": _holds(lab.cloud.journal.read_bytes(), forms),
        "bucket": " ".join(key for key, content in _objects(lab) if _holds(content, forms)),
    }
    return {place: where for place, where in seen.items() if where not in {"", "0"}}


def _inside(lab: Lab, look: str, forms: list[str], *, nobody: bool) -> str:
    pattern = "|".join(map(_not_itself, forms))
    return lab.machine.run(look.format(pattern=pattern), unprivileged=nobody).stdout.strip()


def _holds(content: bytes, forms: list[str]) -> str:
    return "yes" if any(form.encode() in content for form in forms) else ""


def _not_itself(text: str) -> str:
    """Return an expression that finds the text, and not the command that looks for it."""
    return "".join(each if each.isalnum() else f"[{each}]" for each in text[:-1]) + f"[{text[-1]}]"


def _in_base64(text: str) -> list[str]:
    """Return what base64 makes of it wherever it stands, less what its neighbours change."""
    coded = [base64.b64encode(bytes(shift) + text.encode()).decode() for shift in range(3)]
    return [code[4 * bool(shift) : -4] for shift, code in enumerate(coded)]


def _objects(lab: Lab) -> list[tuple[str, bytes]]:
    def read() -> list[tuple[str, bytes]]:
        s3, name = boto3.client("s3"), lab.seeded.bucket
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket=name)["Contents"]]
        return [(key, s3.get_object(Bucket=name, Key=key)["Body"].read()) for key in keys]

    with lab.cloud.account():
        return network.within(network.CLOUD, read)
