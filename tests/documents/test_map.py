"""ARCHITECTURE.md's map is the tree, and every path that a document names exists."""

import re
import subprocess

import pytest
from documents.pages import DOCUMENTS, ROOT, blocks, name

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
# Neither product nor tooling: settings of packages and locks.
NO_CODE = {".toml", ".txt", ".in"}
# Drawn as one room: CONTRIBUTING.md has the folders of the tests.
WHOLE = {"tests", "docs"}
# Where the paths of sentences begin, and how those of files end.
ROOTS = [ROOT, ROOT / "tests"]
TOPS = "tests|examples|docs|functions|proxy|host_scripts|cli|twin"
KINDS = "py|sh|toml|md|json|yaml|yml|j2"


def files():
    """Return the files of the commit to come, as paths from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [path for path in listed.stdout.splitlines() if (ROOT / path).is_file()]


def mapped(tree):
    """Return the paths of a map that is indented by two spaces a level; folders end in a slash."""
    paths, parents = [], []
    for indent, entry in re.findall(r"^((?:  )*)(\S+)", tree, re.MULTILINE):
        del parents[len(indent) // 2 :]
        paths.append("".join(parents) + entry)
        parents.append(entry)
    return paths


def rooms(paths):
    """Return the folders that hold code or documents; of tests and docs, the topmost one."""
    folders = set()
    for path in paths:
        folder, _, file = path.rpartition("/")
        if folder.startswith("."):
            continue
        if folder and not any(file.endswith(suffix) for suffix in NO_CODE | {".gitignore"}):
            top = folder.split("/")[0]
            folders.add(f"{top if top in WHOLE else folder}/")
    return folders


def drawn():
    [tree] = [block for _, block in blocks(ARCHITECTURE) if "template.yaml " in block]
    return mapped(tree)


def test_every_room_is_on_the_map():
    assert sorted(rooms(files()) - set(drawn()) - {"requirements/"}) == []


def test_everything_on_the_map_is_there():
    assert [path for path in drawn() if not (ROOT / path).exists()] == []


def test_an_indented_map_is_read_as_paths():
    tree = "a/b/   first\n  c/    second\n    d.py   third\n  e/   fourth\nf   fifth\n"

    assert mapped(tree) == ["a/b/", "a/b/c/", "a/b/c/d.py", "a/b/e/", "f"]


def test_a_folder_that_nobody_drew_is_seen():
    paths = ["cli/lamplighter/main.py", "cli/pyproject.toml", "tests/cli/test_up.py", ".ci/run"]

    assert rooms(paths) == {"cli/lamplighter/", "tests/"}


def test_contributing_lists_every_folder_of_tests():
    contributing = (ROOT / "CONTRIBUTING.md").read_text()

    tested = {path.split("/")[1] for path in files() if re.match(r"tests/.+/test_\w+\.py$", path)}

    assert {folder for folder in tested if f"`tests/{folder}/`" not in contributing} == set()


def test_twelve_questions_have_an_answer():
    table = ARCHITECTURE[ARCHITECTURE.index("## Where is") : ARCHITECTURE.index("## How it")]

    answers = re.findall(r"^\| .+ \| `([^`]+)` \|$", table, re.MULTILINE)

    assert len(answers) == 12
    assert [answer for answer in answers if not (ROOT / answer).is_file()] == []


def test_the_map_stays_short():
    assert len(ARCHITECTURE.encode()) <= 12 * 1024


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_path_that_a_document_names_exists(document):
    there = files()
    names = {path.rpartition("/")[2].removesuffix(".j2") for path in there}
    text = document.read_text()

    folders = re.findall(r"`((?:[\w.-]+/)+)`", text)
    paths = re.findall(rf"`((?:[\w.-]+/)+[\w.@-]+\.(?:{KINDS}))`", text)
    bare = re.findall(rf"`([\w-]+\.(?:{KINDS}))`", text)
    for _, block in blocks(text):
        paths += re.findall(
            rf"(?:^| )((?:{TOPS})/[\w./@-]+\.(?:{KINDS}))(?= |$)", block, re.MULTILINE
        )

    missing = [n for n in folders + paths if not any((root / n).exists() for root in ROOTS)]
    assert missing + [n for n in bare if n not in names] == []
