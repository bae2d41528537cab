"""Claude Code and Codex as docs/clients.md sets them up: the programs that npm installs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clients.examples import example
from clients.installed import NODE_MODULES, node, run

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

CLAUDE = ("claude", "--output-format", "json", "--allowedTools", "Bash", "-p")
CODEX = ("codex", "exec", "--skip-git-repo-check")
ONCE = ("-c", "model_providers.lamplighter.stream_max_retries=0")


@dataclass(frozen=True)
class Agents:
    """`home`: theirs, and their working folder; `environment`: what the examples read."""

    home: Path
    environment: dict[str, str]

    def claude(self, *arguments: str, **other: str) -> CompletedProcess[str]:
        return self._run("Claude Code", *CLAUDE, *arguments, **other)

    def codex(self, *arguments: str, **other: str) -> CompletedProcess[str]:
        return self._run("Codex", *CODEX, *arguments, **other)

    def _run(self, section: str, *command: str, **other: str) -> CompletedProcess[str]:
        """Run the command in place of the example's last line, which calls the program, too."""
        node()
        settings, _, last = example(section).rstrip().rpartition("\n")
        assert last.startswith(command[0])
        path = os.pathsep.join([str(NODE_MODULES / ".bin"), os.environ["PATH"]])
        own = {"HOME": str(self.home), "TMPDIR": str(self.home), "PATH": path}
        bash = ("bash", "-ec", f'{settings}\n"$@"', "bash")
        return run((*bash, *command), self.home, self.environment | own | other)
