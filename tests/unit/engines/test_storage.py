"""Objects in a folder, and the user's own files: created once, and refused in words."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dalston_engines.errors import InputError, StorageFailed
from dalston_engines.storage import Storage, deliver, local_path, open_source, open_storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage((tmp_path / "made" / "on demand").as_uri())


def read(uri: str) -> bytes:
    with open_source(uri) as source:
        return source.read()


def test_what_was_created_is_read_back(storage: Storage):
    assert storage.create("prepare/00000/media.json", b"{}")
    assert storage.read("prepare/00000/media.json") == b"{}"


def test_nothing_is_ever_written_twice(storage: Storage):
    assert storage.create("a", b"first")
    assert not storage.create("a", b"second")
    assert storage.read("a") == b"first"


def test_a_file_can_be_created_from_a_path(storage: Storage, tmp_path: Path):
    (tmp_path / "big").write_bytes(b"content")
    assert storage.create("a", tmp_path / "big")
    assert storage.read("a") == b"content"


def test_what_is_not_there_is_not_found(storage: Storage):
    assert storage.find("absent") is None
    with pytest.raises(FileNotFoundError):
        storage.read("absent")


def test_keys_are_listed_in_order(storage: Storage):
    for key in ("b/2", "b/1", "a/1"):
        storage.create(key, b"")
    assert storage.keys() == ["a/1", "b/1", "b/2"]
    assert storage.keys("b") == ["b/1", "b/2"]


def test_two_storages_of_one_address_see_the_same(storage: Storage):
    storage.create("a", b"x")
    assert open_storage(storage.url).read("a") == b"x"
    assert storage.uri("a") == f"{storage.url}/a"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2000))
def test_bytes_come_back_as_they_went(tmp_path: Path, content: bytes):
    storage = open_storage(tmp_path.as_uri())
    key = f"key-{hash(content)}"
    storage.create(key, content)
    assert storage.find(key) == content


def test_a_root_that_cannot_be_written_is_a_storage_failure(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed, match=r"storage failed to make .*: File exists"):
        open_storage((tmp_path / "file").as_uri())


def test_a_key_that_cannot_be_written_is_a_storage_failure_in_one_line(storage: Storage):
    storage.create("a", b"")
    with pytest.raises(StorageFailed, match="storage failed to write a/b") as caught:
        storage.create("a/b", b"")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["plain.wav", "with space.wav", "100%.wav", "ünï#?.wav"])
def test_a_source_is_read_whatever_its_name(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"sound")
    assert read((tmp_path / name).as_uri()) == b"sound"
    assert local_path((tmp_path / name).as_uri()) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.wav", "there is no file"),
        ("folder", "is a directory"),
        ("empty.wav", "is empty"),
        ("full.wav/inside.wav", "there is no file"),
    ],
)
def test_a_source_that_cannot_be_had_is_refused_in_words(tmp_path: Path, name: str, message: str):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "full.wav").write_bytes(b"sound")
    with pytest.raises(InputError, match=message):
        read(f"{tmp_path.as_uri()}/{quote(name)}")


def test_a_source_address_of_another_kind_is_refused():
    with pytest.raises(InputError, match=r"begin with file, s3, gs or az, not 'https'"):
        read("https://example.com/a.wav")


def test_a_delivery_replaces_what_is_there(tmp_path: Path):
    target = tmp_path / "out here" / "talk.srt"
    deliver(target.as_uri(), b"first")
    deliver(target.as_uri(), b"second")
    assert target.read_bytes() == b"second"


@pytest.mark.parametrize("uri", ["ftp://example.com/a.txt", "https://example.com/a", "a.txt"])
def test_a_delivery_to_an_address_of_another_kind_is_refused(uri: str):
    with pytest.raises(InputError, match="output addresses begin with file, s3, gs or az, not"):
        deliver(uri, b"text")


def test_a_source_the_system_cannot_read_is_tried_again(tmp_path: Path):
    with pytest.raises(StorageFailed, match=r"storage failed to read .*: File name too long"):
        read(f"{tmp_path.as_uri()}/{'n' * 300}")
