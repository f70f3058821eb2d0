"""The documents say what is: paths exist, contracts and versions agree, commands parse."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DALSTON = Path(sys.executable).with_name("dalston")
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def project() -> dict[str, Any]:
    return tomllib.loads(text("pyproject.toml"))


def named_paths(document: str) -> list[str]:
    found = re.findall(
        r"`((?:bench|cli|config|crds|engines|hack|operator|tests)/[\w./<>-]*)`", document
    )
    return sorted({path for path in found if "<" not in path})


def command_lines() -> list[str]:
    lines = re.findall(r"^\.venv/bin/(dalston [^>#\n]*)", text("README.md"), re.MULTILINE)
    assert len(lines) >= 6
    return lines


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_a_document_names_exists(name: str) -> None:
    paths = named_paths(text(name))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_architecture_repeats_the_layer_contracts_in_their_words() -> None:
    words = " ".join(text("ARCHITECTURE.md").split())
    for contract in project()["tool"]["importlinter"]["contracts"]:
        assert contract["name"] in words


def test_architecture_lists_the_pure_modules_of_the_contract() -> None:
    words = text("ARCHITECTURE.md")
    pure = next(
        contract["source_modules"]
        for contract in project()["tool"]["importlinter"]["contracts"]
        if contract["name"].startswith("Deciding is pure")
    )
    for module in pure:
        assert f"`{module.rpartition('.')[2]}`" in words


def test_every_setting_of_the_readme_is_read_somewhere() -> None:
    sources = "".join(
        path.read_text("utf-8")
        for folder in ("cli", "engines")
        for path in (ROOT / folder).rglob("*.py")
    )
    settings = re.findall(r"^\| `(DALSTON_\w+)`", text("README.md"), re.MULTILINE)
    assert len(settings) >= 6
    for name in settings:
        assert name in sources


@pytest.mark.parametrize("line", command_lines())
def test_the_readme_names_commands_and_options_that_exist(line: str) -> None:
    words = shlex.split(line)[1:]
    names = [word for word in words if not word.startswith("-")]
    command = names[:2] if names[0] in ("jobs", "engines") else names[:1]
    done = subprocess.run(
        [DALSTON, *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200", "TERM": "dumb"},
    )
    for option in (word for word in words if word.startswith("--")):
        assert option in done.stdout


def test_the_make_targets_of_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    for name in DOCUMENTS:
        assert set(re.findall(r"(?:^|`)make ([a-z]+)", text(name), re.MULTILINE)) <= targets


def test_ci_runs_the_readmes_test_command() -> None:
    assert "make test" in text(".ci/run")
    assert "make test" in text("README.md")
