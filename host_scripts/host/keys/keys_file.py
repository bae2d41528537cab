"""Keep the gateway's keys file as SSM has it: one parameter per key id, one document for all.

No error locks a caller out. What cannot be read (AWS unreachable, an empty answer, one damaged
parameter) leaves its last good entries in the file. An id that the listing lacks, which may be
incomplete, is looked up by its name: it is removed only when SSM says that it does not exist. The
first key is never revoked, only rotated (this agent uses it), so its absence is an error as well.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from host.keys.entries import Damaged, Entry, parse
from host.machine.files import write

log = logging.getLogger("lamplighter.agent")

FIRST = "default"

Known = dict[str, list[Entry]]  # key id -> its entries


class Keys:
    """path: of the parameters in SSM; file: what the gateway reads."""

    def __init__(self, ssm: Any, path: str, file: Path) -> None:
        self._ssm, self._path, self._file = ssm, path, file
        self._said: set[str] = set()

    def follow(self, seconds: float, sleep: Callable[[float], None]) -> NoReturn:
        """Sync every so many seconds, for ever."""
        while True:
            self.sync()
            sleep(seconds)

    def sync(self) -> bool:
        """Bring the file up to date; return whether there is a file with keys now."""
        last = load(self._file)
        try:
            known, problems = merged(last, self._listed(last))
            if known != last:
                write(self._file, text(known))
                log.info("keys written %s", difference(last, known))
        except ClientError as error:
            known, problems = last, [f"not readable: {error.response['Error']['Code']}"]
        except (BotoCoreError, OSError) as error:
            known, problems = last, [f"not readable or not writable: {type(error).__name__}"]
        self._say(problems)
        return bool(load(self._file))

    def _listed(self, last: Known) -> dict[str, str | None]:
        """Return id -> value; None for a known id that SSM says does not exist."""
        found: dict[str, str | None] = {}
        token: dict[str, str] = {}
        while True:
            page = self._ssm.get_parameters_by_path(Path=self._path, **token)
            for each in page["Parameters"]:
                found[each["Name"].rpartition("/")[2]] = each["Value"]
            if not page.get("NextToken"):
                break
            token = {"NextToken": page["NextToken"]}
        missing = sorted(last.keys() - found.keys()) if found else []
        return found | {key_id: self._asked(key_id) for key_id in missing}

    def _asked(self, key_id: str) -> str | None:
        name = f"{self._path}/{key_id}"
        try:
            return str(self._ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise

    def _say(self, problems: Iterable[str]) -> None:
        """Log each problem once, when it begins."""
        now = set(problems)
        for problem in sorted(now - self._said):
            log.warning("keys kept as they were path=%s problem=%s", self._path, problem)
        self._said = now


def merged(last: Known, found: Mapping[str, str | None]) -> tuple[Known, list[str]]:
    """Return what the file should hold, and what is wrong with what was found."""
    if not found:
        return last, ["SSM lists none"]
    known: Known = {}
    problems = []
    for key_id, value in found.items():
        if value is not None:
            try:
                known[key_id] = parse(key_id, value)
                continue
            except Damaged as error:
                problems.append(f"{key_id!r} is damaged: {error}; write it again")
        elif key_id == FIRST:
            problems.append(f"{key_id!r} is not there; run `lamplighter up` again")
        else:
            continue
        if key_id in last:
            known[key_id] = last[key_id]
    return known, problems


def load(file: Path) -> Known:
    """Return the entries that are in force, by id; none for no file, or one that is damaged."""
    known: Known = {}
    try:
        for entry in json.loads(file.read_text())["keys"]:
            known.setdefault(entry["id"], []).append(entry)
        return {key_id: parse(key_id, json.dumps(found)) for key_id, found in known.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, Damaged) as error:
        log.warning("keys file not readable file=%s error=%s", file, type(error).__name__)
        return {}


def text(known: Known) -> str:
    """Return the document, an entry a line, in the order of the ids."""
    lines = [json.dumps(entry) for key_id in sorted(known) for entry in known[key_id]]
    return '{"keys": [\n' + ",\n".join(lines) + "\n]}\n"


def difference(before: Known, after: Known) -> str:
    """Return the ids that came, went and changed, for the log."""
    changed = [key_id for key_id in before.keys() & after.keys() if before[key_id] != after[key_id]]
    groups = {
        "added": after.keys() - before.keys(),
        "removed": before.keys() - after.keys(),
        "changed": changed,
    }
    return " ".join(f"{what}={','.join(sorted(ids))}" for what, ids in groups.items() if ids)
