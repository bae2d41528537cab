"""The one place that renders command lines: a remedy repeats the global options in force.

Texts contain `lamplighter down prod`, wherever they come from (also a workflow's cause, a host's
warning). Before an operator reads them, `CommandLines.repeated` adds `--local`, `--region` and so
on, so that a copied remedy reaches the installation that it is about.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

COMMANDS = (
    *("down", "events", "gateway", "history", "incidents", "key", "keys", "local", "notify"),
    *(
        "pause",
        "plan",
        "repair",
        "resume",
        "rollback",
        "rotate",
        "sleep",
        "start",
        "status",
        "stop",
    ),
    *("sweep", "up"),
)
_WRITTEN = re.compile(
    r"(?<![\w./-])lamplighter (?P<local>--local )?(?:--stack (?P<stack>[\w-]+) )?"
    rf"(?P<command>{'|'.join(COMMANDS)})(?![\w-])"
)
_AWS = re.compile(r"(?<=`)aws (?=(stepfunctions|s3|sso|login|configure)\b)")


@dataclass(frozen=True, slots=True)
class CommandLines:
    """The options that choose an installation; None where the default or AWS's settings choose."""

    local: bool = False
    state_dir: Path | None = None
    region: str | None = None
    profile: str | None = None
    stack: str | None = None

    def lamplighter(self, words: str) -> str:
        """Return the command line of `words`, e.g. `down prod`, for this installation."""
        command, *_ = words.split(maxsplit=1)
        return " ".join(["lamplighter", *self._options(command), words])

    def repeated(self, text: str) -> str:
        """Return the text with the options in force in each command line that it holds.

        A stack that the text names stays: it is another installation of the same account.
        """

        def rendered(found: re.Match[str]) -> str:
            lines = replace(
                self,
                local=self.local or bool(found["local"]),
                stack=found["stack"] or self.stack,
            )
            return lines.lamplighter(found["command"])

        return _AWS.sub(lambda found: self._aws(found[1]), _WRITTEN.sub(rendered, text))

    def _options(self, command: str) -> list[str]:
        twins = ["--state-dir", str(self.state_dir)] if self.state_dir else []
        if command == "gateway":
            return []
        if command == "local":
            return _quoted(twins)
        where = ["--local", *twins] if self.local else self._in_aws()
        return _quoted([*where, *(["--stack", self.stack] if self.stack else [])])

    def _in_aws(self) -> list[str]:
        region = ["--region", self.region] if self.region else []
        return [*region, *self._profile()]

    def _profile(self) -> list[str]:
        return ["--profile", self.profile] if self.profile else []

    def _aws(self, service: str) -> str:
        """Return how the AWS CLI is called; signing in needs no region."""
        if service not in {"stepfunctions", "s3"}:
            return " ".join(["aws", *_quoted(self._profile()), ""])
        if self.local:
            return f'eval "$({self.lamplighter("local env")})"; aws '
        return " ".join(["aws", *_quoted(self._in_aws()), ""])


def _quoted(words: list[str]) -> list[str]:
    return [shlex.quote(word) for word in words]
