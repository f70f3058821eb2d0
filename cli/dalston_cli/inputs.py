"""The files a command line names, checked before anything starts."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dalston_cli.errors import UserError

MAGIC = "*?["


def audio_files(names: Sequence[str]) -> list[Path]:
    """Every file named, globs expanded; raises UserError for the first that cannot be read."""
    paths = [path for name in names for path in _expanded(name)]
    for path in paths:
        _check(path)
    return paths


def _expanded(name: str) -> Iterator[Path]:
    if os.path.exists(name) or not any(sign in name for sign in MAGIC):
        yield Path(name)
        return
    found = sorted(glob.glob(name))
    if not found:
        raise UserError(f"no file matches {name}")
    yield from map(Path, found)


def _check(path: Path) -> None:
    try:
        if path.is_dir():
            example = path / "*.wav"
            raise UserError(f"{path} is a directory; name the files in it, for example {example}")
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is not a regular file")
        with path.open("rb") as stream:
            if not stream.read(1):
                raise UserError(f"{path} is empty")
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error
    except PermissionError as error:
        raise UserError(f"{path} may not be read: permission denied") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
