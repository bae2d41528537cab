"""docker-py, which reads .dockerignore as the engine does, judges what a build can copy."""

from __future__ import annotations

import io
import json
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths
from orchestrator.resources.image import archive

pytestmark = pytest.mark.judge

PROXY = Path(__file__).parents[2] / "proxy"


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The gateway's source as CodeBuild finds it: the archive of EnsureImage, unpacked."""
    with zipfile.ZipFile(io.BytesIO(archive(PROXY))) as bundle:
        bundle.extractall(tmp_path)
    return tmp_path


def copied(dockerfile: str) -> set[str]:
    """Return the sources of every COPY and ADD that takes them from the build's context."""
    sources: set[str] = set()
    for line in dockerfile.replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction.upper() not in {"COPY", "ADD"}:
            continue
        words = json.loads(rest) if rest.lstrip().startswith("[") else rest.split()
        if not any(word.startswith("--from=") for word in words):
            sources |= {word for word in words[:-1] if not word.startswith("--")}
    return sources


def not_admitted(context: Path) -> set[str]:
    """Return the sources of the Dockerfile's copies that its .dockerignore keeps out."""
    patterns = (context / ".dockerignore").read_text().splitlines()
    admitted = exclude_paths(str(context), [line for line in patterns if line[:1] not in {"", "#"}])
    return {
        source
        for source in copied((context / "Dockerfile").read_text())
        if not any(fnmatch(path, source.rstrip("/")) for path in admitted)
    }


@pytest.mark.parametrize(
    ("instruction", "sources"),
    [
        ("COPY a.txt b ./", {"a.txt", "b"}),
        ("copy --chown=1:1 a \\\n  b /x", {"a", "b"}),
        ('COPY ["a b", "/x"]', {"a b"}),
        ("COPY --from=other /a /b", set()),
        ("RUN cp a b", set()),
    ],
)
def test_the_judge_reads_every_form_of_a_copy(instruction: str, sources: set[str]) -> None:
    assert copied(instruction) == sources


def test_codebuild_can_copy_everything_that_the_dockerfile_copies(unpacked: Path) -> None:
    assert len(copied((unpacked / "Dockerfile").read_text())) >= 5
    assert not_admitted(unpacked) == set()


def test_codebuild_finds_its_instructions_at_the_root_of_the_source(unpacked: Path) -> None:
    assert (unpacked / "buildspec.yml").is_file()


def test_the_context_holds_nothing_but_what_is_copied(unpacked: Path) -> None:
    (unpacked / "gateway" / "__pycache__").mkdir()
    (unpacked / "gateway" / "__pycache__" / "old.pyc").touch()
    (unpacked / "notes.txt").touch()
    patterns = (unpacked / ".dockerignore").read_text().splitlines()

    admitted = exclude_paths(str(unpacked), [line for line in patterns if not line.startswith("#")])

    needed = copied((unpacked / "Dockerfile").read_text())
    files = {Path(path).parts[0] for path in admitted if (unpacked / path).is_file()}
    assert files == needed | {"Dockerfile", ".dockerignore"}  # which engines are always sent
    assert not [path for path in admitted if path.endswith(".pyc")]


def test_a_source_that_is_kept_out_is_found(unpacked: Path) -> None:
    """The control, and the defect as it was: no build in a real account could succeed."""
    ignored = "*\n!requirements.txt\n!gateway\n**/__pycache__\n"
    (unpacked / ".dockerignore").write_text(ignored)

    assert not_admitted(unpacked) == {
        "requirements-compile.txt",
        "pyproject.toml",
        "hatch_build.py",
    }
