"""Objects in storage, by obstore: a folder, S3, GCS or Azure. Artifacts are created, never changed.

Below it: ``artifacts`` knows manifests and digests; this module knows bytes and addresses only.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from dalston_engines.errors import InputError, StorageFailed

OBJECT_SCHEMES = ("s3", "gs", "az")


@dataclass(frozen=True)
class Storage:
    """The objects below one address."""

    url: str
    store: ObjectStore

    def read(self, key: str) -> bytes:
        """The bytes of an object; raises FileNotFoundError or StorageFailed."""
        with _failures(f"read {key}"):
            return bytes(obstore.get(self.store, key).bytes())

    def find(self, key: str) -> bytes | None:
        """The bytes of an object, or None when there is none."""
        try:
            return self.read(key)
        except FileNotFoundError:
            return None

    def create(self, key: str, content: bytes | Path) -> bool:
        """Write an object that does not exist yet; False when it already does."""
        try:
            with _failures(f"write {key}"):
                obstore.put(self.store, key, content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def keys(self, prefix: str = "") -> list[str]:
        """The keys below *prefix*."""
        with _failures(f"list {prefix}"):
            found = obstore.list(self.store, prefix=prefix or None).collect()
        return sorted(entry["path"] for entry in found)

    def uri(self, key: str) -> str:
        """The address of an object."""
        return f"{self.url.rstrip('/')}/{key}"


def open_storage(url: str) -> Storage:
    """The storage below *url*; folders are made as needed."""
    if urlsplit(url).scheme == "file":
        _make_folder(local_path(url))
    with _failures(f"open {url}"):
        return Storage(url, from_url(cast("Any", url)))


@contextmanager
def open_source(uri: str) -> Iterator[BinaryIO]:
    """The user's media as a seekable stream; raises InputError when it cannot be had."""
    scheme = urlsplit(uri).scheme
    if scheme == "file":
        with _open_file(local_path(uri)) as stream:
            yield stream
    elif scheme in OBJECT_SCHEMES:
        with _open_object(uri) as stream:
            yield stream
    else:
        raise InputError(f"source addresses begin with file, s3, gs or az, not {scheme!r}")


def deliver(uri: str, content: bytes) -> None:
    """Write a rendering to the user's own place, replacing what is there."""
    scheme = urlsplit(uri).scheme
    if scheme not in ("file", *OBJECT_SCHEMES):
        raise InputError(f"output addresses begin with file, s3, gs or az, not {scheme!r}")
    head, _, name = uri.rpartition("/")
    storage = open_storage(head)
    with _failures(f"write {uri}"):
        obstore.put(storage.store, unquote(name), content)


def local_path(uri: str) -> Path:
    """The path a ``file:`` address names."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"storage failed to make {path}: {error.strerror}") from error


def _open_file(path: Path) -> BufferedReader:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory, not an audio file")
        if os.path.getsize(path) == 0:
            raise InputError(f"{path} is empty")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"there is no file {path}") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read: permission denied") from error
    except OSError as error:
        raise StorageFailed(f"storage failed to read {path}: {error.strerror}") from error


@contextmanager
def _open_object(uri: str) -> Iterator[BinaryIO]:
    head, _, name = uri.rpartition("/")
    try:
        with _failures(f"read {uri}"):
            reader = obstore.open_reader(from_url(cast("Any", head)), unquote(name))
    except FileNotFoundError as error:
        raise InputError(f"there is no object {uri}") from error
    try:
        yield cast("BinaryIO", reader)
    finally:
        reader.close()


@contextmanager
def _failures(what: str) -> Iterator[None]:
    try:
        yield
    except AlreadyExistsError:
        raise
    except BaseError as error:
        raise StorageFailed(f"storage failed to {what}: {_brief(error)}") from error


def _brief(error: BaseError) -> str:
    """The cause in one line; obstore's messages end in debug output."""
    text = str(error).splitlines()[0]
    for sign, meaning in (("No space left", "no space left on the device"),):
        if sign in str(error):
            return meaning
    return text[:200]
