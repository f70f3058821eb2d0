"""Parts of a stage in storage: created once, sealed by a manifest, checked by whoever reads them.

A part is done when its manifest exists. The manifest names the part's files, which carry the
attempt in their name, so two attempts never write the same object and the first manifest wins.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dalston_crds.artifact_keys import part_file, part_folder, part_manifest
from dalston_crds.stage_messages import FileFact, PartFacts
from dalston_crds.v1alpha1 import StageName
from dalston_engines.errors import ArtifactDamaged
from dalston_engines.storage import Storage


class Manifest(BaseModel):
    """What a finished part is made of and from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: StageName
    part: int
    attempt: str
    engine: str
    model: str = ""
    image: str = ""
    options_sha256: str = ""
    inputs: dict[str, str] = {}
    """Digest of each artifact it was made from, by key."""
    files: tuple[FileFact, ...] = ()
    facts: PartFacts = PartFacts()
    created_at: datetime

    def file(self, name: str) -> FileFact:
        """The file called *name*; raises ArtifactDamaged when the manifest has none."""
        for fact in self.files:
            if fact.name == name:
                return fact
        raise ArtifactDamaged(f"{self.stage} part {self.part} has no {name}")


@dataclass(frozen=True)
class Origin:
    """Who makes a part, and from what options; goes into its manifest."""

    engine: str
    model: str
    image: str
    options_sha256: str
    attempt: str
    now: datetime


@dataclass
class Artifacts:
    """The finished and growing parts of one job."""

    storage: Storage
    _manifests: dict[str, Manifest] = field(default_factory=dict, repr=False)

    def manifest(self, stage: StageName, part: int) -> Manifest | None:
        """The manifest of a finished part; None while it is not done."""
        key = part_manifest(stage, part)
        if key not in self._manifests:
            content = self.storage.find(key)
            if content is None:
                return None
            self._manifests[key] = _parsed(content, key)
        return self._manifests[key]

    def finished(self, stage: StageName, part: int) -> Manifest:
        """The manifest of a part that must be done."""
        manifest = self.manifest(stage, part)
        if manifest is None:
            raise ArtifactDamaged(f"{part_manifest(stage, part)} is missing")
        return manifest

    def read(self, manifest: Manifest, name: str) -> bytes:
        """The bytes of a part's file; raises ArtifactDamaged when they are not what was written."""
        fact = manifest.file(name)
        key = part_file(manifest.stage, manifest.part, manifest.attempt, name)
        content = self.storage.find(key)
        if content is None:
            raise ArtifactDamaged(f"{key} is missing")
        if hashlib.sha256(content).hexdigest() != fact.sha256:
            raise ArtifactDamaged(f"{key} does not have the digest its manifest names")
        return content

    def verify(self, manifest: Manifest) -> None:
        """Check every file of a part that is adopted instead of made again."""
        for fact in manifest.files:
            self.read(manifest, fact.name)

    def writer(self, stage: StageName, part: int, origin: Origin) -> "PartWriter":
        """A writer for one attempt at a part."""
        return PartWriter(self, stage, part, origin)


@dataclass
class PartWriter:
    """One attempt at a part: files first, the manifest last."""

    artifacts: Artifacts
    stage: StageName
    part: int
    origin: Origin
    inputs: dict[str, str] = field(default_factory=dict)
    files: list[FileFact] = field(default_factory=list)

    def made_from(self, manifest: Manifest, name: str) -> None:
        """Note an input."""
        key = f"{part_folder(manifest.stage, manifest.part)}/{name}"
        self.inputs[key] = manifest.file(name).sha256

    def add(self, name: str, content: bytes) -> FileFact:
        """Write a file of this attempt."""
        key = part_file(self.stage, self.part, self.origin.attempt, name)
        self.artifacts.storage.create(key, content)
        fact = FileFact(name=name, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        self.files.append(fact)
        return fact

    def seal(self, facts: PartFacts) -> Manifest:
        """Write the manifest; when another attempt was first, its manifest is the part's."""
        manifest = Manifest(
            stage=self.stage,
            part=self.part,
            attempt=self.origin.attempt,
            engine=self.origin.engine,
            model=self.origin.model,
            image=self.origin.image,
            options_sha256=self.origin.options_sha256,
            inputs=self.inputs,
            files=tuple(self.files),
            facts=facts,
            created_at=self.origin.now,
        )
        content = manifest.model_dump_json().encode()
        if self.artifacts.storage.create(part_manifest(self.stage, self.part), content):
            return manifest
        return self.artifacts.finished(self.stage, self.part)


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _parsed(content: bytes, key: str) -> Manifest:
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise ArtifactDamaged(f"{key} is not a manifest: {error.error_count()} errors") from error
