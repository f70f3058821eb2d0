"""The house limits of CONTRIBUTING.md, held for every Python file of the project."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("bench", "cli", "crds", "engines", "hack", "operator", "tests/engines/oracle")
MEDIAN_LINES = 8
P90_LINES = 30
MAX_LINES = 60
MAX_PARAMETERS = 6
MAX_FILE_LINES = 500

Function = ast.FunctionDef | ast.AsyncFunctionDef


def source_files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, Function):
            yield node


def body_lines(function: Function) -> int:
    """Lines of the body, without its docstring."""
    body = function.body
    first = body[1] if ast.get_docstring(function) is not None and len(body) > 1 else body[0]
    assert function.end_lineno is not None
    return function.end_lineno - first.lineno + 1


def parameters(function: Function) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in named)


def test_functions_are_short_on_the_whole() -> None:
    lengths = [body_lines(item) for path in source_files() for item in functions(path)]
    assert len(lengths) > 100
    assert statistics.median(lengths) <= MEDIAN_LINES
    assert statistics.quantiles(lengths, n=10)[-1] <= P90_LINES


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_keeps_the_limits(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE_LINES
    for function in functions(path):
        assert body_lines(function) <= MAX_LINES, function.name
        assert parameters(function) <= MAX_PARAMETERS, function.name


@pytest.mark.parametrize("folder", ["operator", "tests"])
def test_no_package_shadows_the_standard_library(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()
    assert not list((ROOT / "tests").rglob("unit/**/__init__.py"))
