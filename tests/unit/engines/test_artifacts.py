"""Parts in storage: files first, the manifest last, and nothing believed without its digest."""

from pathlib import Path

import pytest
from stage_harness import NOW

from dalston_crds.stage_messages import PartFacts
from dalston_crds.v1alpha1 import StageName
from dalston_engines.artifacts import Artifacts, Origin, PartWriter, digest_of_file
from dalston_engines.errors import ArtifactDamaged
from dalston_engines.storage import Storage, open_storage

STAGE = StageName.TRANSCRIBE
IMAGE = "image@sha256:1"
FACTS = PartFacts(audio_milliseconds=1000)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(tmp_path.as_uri())


def attempt(storage: Storage, name: str, part: int = 0) -> PartWriter:
    origin = Origin("oracle", "truth", IMAGE, "0" * 64, name, NOW)
    return Artifacts(storage).writer(STAGE, part, origin)


def finish(storage: Storage, name: str, content: bytes = b"words", part: int = 0) -> PartWriter:
    writer = attempt(storage, name, part)
    writer.add("transcript.json", content)
    writer.seal(FACTS)
    return writer


def damage(storage: Storage, key: str, content: bytes | None) -> None:
    path = Path(storage.url.removeprefix("file://"), key)
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def test_a_part_is_done_when_its_manifest_exists(storage: Storage):
    writer = attempt(storage, "a1")
    writer.add("transcript.json", b"words")
    assert Artifacts(storage).manifest(STAGE, 0) is None
    writer.seal(FACTS)
    found = Artifacts(storage).finished(STAGE, 0)
    assert Artifacts(storage).read(found, "transcript.json") == b"words"
    assert (found.facts, found.attempt, found.created_at) == (FACTS, "a1", NOW)


def test_a_manifest_says_what_made_the_part_and_from_what(storage: Storage):
    finish(storage, "a1")
    artifacts = Artifacts(storage)
    later = attempt(storage, "a2", part=1)
    later.made_from(artifacts.finished(STAGE, 0), "transcript.json")
    manifest = later.seal(FACTS)
    assert (manifest.engine, manifest.model, manifest.image) == ("oracle", "truth", IMAGE)
    digest = artifacts.finished(STAGE, 0).file("transcript.json").sha256
    assert manifest.inputs == {"transcribe/00000/transcript.json": digest}


def test_the_first_manifest_wins(storage: Storage):
    first, second = attempt(storage, "a1"), attempt(storage, "a2")
    first.add("transcript.json", b"first")
    second.add("transcript.json", b"second")
    assert second.seal(FACTS).attempt == "a2"
    assert first.seal(FACTS).attempt == "a2"
    artifacts = Artifacts(storage)
    assert artifacts.read(artifacts.finished(STAGE, 0), "transcript.json") == b"second"


def test_attempts_never_write_the_same_object(storage: Storage):
    finish(storage, "a1", b"one")
    finish(storage, "a2", b"other")
    assert storage.read("transcribe/00000/a1-transcript.json") == b"one"
    assert storage.read("transcribe/00000/a2-transcript.json") == b"other"


def test_an_object_is_created_once(storage: Storage):
    attempt(storage, "a1").add("transcript.json", b"one")
    attempt(storage, "a1").add("transcript.json", b"other")
    assert storage.read("transcribe/00000/a1-transcript.json") == b"one"


def test_a_reused_attempt_is_not_believed(storage: Storage):
    attempt(storage, "a1").add("transcript.json", b"one")
    finish(storage, "a1", b"other")
    artifacts = Artifacts(storage)
    with pytest.raises(ArtifactDamaged, match="does not have the digest"):
        artifacts.verify(artifacts.finished(STAGE, 0))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"wOrds", "does not have the digest"), (b"", "does not have the digest"), (None, "missing")],
)
def test_a_damaged_file_is_never_read(storage: Storage, content: bytes | None, message: str):
    finish(storage, "a1")
    damage(storage, "transcribe/00000/a1-transcript.json", content)
    artifacts = Artifacts(storage)
    manifest = artifacts.finished(STAGE, 0)
    with pytest.raises(ArtifactDamaged, match=message):
        artifacts.read(manifest, "transcript.json")
    with pytest.raises(ArtifactDamaged, match=message):
        artifacts.verify(manifest)


def test_adoption_checks_every_file(storage: Storage):
    writer = attempt(storage, "a1")
    writer.add("one.json", b"1")
    writer.add("two.json", b"2")
    writer.seal(FACTS)
    damage(storage, "transcribe/00000/a1-two.json", b"3")
    artifacts = Artifacts(storage)
    with pytest.raises(ArtifactDamaged, match=r"two\.json"):
        artifacts.verify(artifacts.finished(STAGE, 0))


def test_a_manifest_that_is_none_is_damaged(storage: Storage):
    storage.create("transcribe/00000/manifest.json", b'{"stage": "transcribe"}')
    with pytest.raises(ArtifactDamaged, match=r"transcribe/00000/manifest\.json is not a manifest"):
        Artifacts(storage).manifest(STAGE, 0)


def test_a_part_that_must_be_done_is_named_when_it_is_not(storage: Storage):
    with pytest.raises(ArtifactDamaged, match=r"transcribe/00007/manifest\.json is missing"):
        Artifacts(storage).finished(STAGE, 7)


def test_a_file_the_manifest_does_not_name_is_not_read(storage: Storage):
    finish(storage, "a1")
    with pytest.raises(ArtifactDamaged, match=r"transcribe part 0 has no other\.json"):
        Artifacts(storage).finished(STAGE, 0).file("other.json")


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_of_file(tmp_path / "a").startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")
