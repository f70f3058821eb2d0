"""Runs stage drivers in this process, as a worker does, over a folder; reads what they wrote."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import (
    JobRef,
    SkippedStage,
    StageOptions,
    StageRequest,
    StageResult,
)
from dalston_crds.transcript import Transcript
from dalston_crds.v1alpha1 import Source, StageName
from dalston_engines.artifacts import Artifacts
from dalston_engines.catalogue import installed_engine
from dalston_engines.engine_context import EngineContext
from dalston_engines.runner import StageRun, World
from dalston_engines.settings import StageSettings
from dalston_engines.silero.engine import Silero
from dalston_engines.stages.part_documents import (
    MEDIA,
    TRANSCRIPT,
    MediaDocument,
    PartTranscript,
    PreparedPart,
    facts_name,
)
from dalston_engines.storage import open_storage

SAMPLES = Path(__file__).resolve().parents[2] / "config" / "samples"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLAN = (StageName.PREPARE, StageName.TRANSCRIBE, StageName.MERGE, StageName.EXPORT)
Turn = tuple[int, Sequence[tuple[str, float, float]]]
"""A channel and its words, each with start and end in seconds."""


class StageFailed(AssertionError):
    """A stage that was to succeed did not."""

    def __init__(self, result: StageResult) -> None:
        super().__init__(f"exit code {result.exit_code}: {result.message}")
        self.result = result


@cache
def silero() -> Silero:
    """The real voice activity detector, loaded once."""
    return Silero(EngineContext())


def oracle(folder: Path, **options: Any) -> Any:
    """The oracle, loaded by its entry point; it knows the samples unless told of other truth."""
    path = folder / "oracle.json"
    path.write_text(json.dumps({"truth": [str(SAMPLES)], **options}, default=str))
    engine = installed_engine("oracle", StageSettings.read({}).weights)
    with patch.dict(os.environ, {"DALSTON_ORACLE": str(path)}):
        return engine.load(EngineContext())


def write_truth(audio: Path, digest: str, turns: Sequence[Turn]) -> Path:
    """A truth file beside the audio, for the oracle; returns their folder."""
    listed = [
        {
            "channel": channel,
            "words": [{"text": text, "start": start, "end": end} for text, start, end in words],
        }
        for channel, words in turns
    ]
    truth = {"sha256": digest, "language": "en", "turns": listed}
    audio.with_suffix(".truth.json").write_text(json.dumps(truth))
    return audio.parent


@dataclass
class Stages:
    """One job: its source, its options and the artifacts of its stages."""

    folder: Path
    source: Path
    options: StageOptions = field(default_factory=StageOptions)
    skipped: tuple[SkippedStage, ...] = ()
    engine_name: str = "oracle"
    _attempts: Any = field(default_factory=count, repr=False)

    @property
    def root(self) -> str:
        """Address of the job's artifacts."""
        return (self.folder / "artifacts").as_uri()

    @property
    def artifacts(self) -> Artifacts:
        """What has been made so far."""
        return Artifacts(open_storage(self.root))

    def request(
        self, stage: StageName, covers: tuple[StageName, ...] = (), parts: str = "0"
    ) -> StageRequest:
        """The order for a stage."""
        options = self.options.model_copy(update={"source": Source(uri=self.source.as_uri())})
        return StageRequest(
            job=JobRef(name="job", namespace="test", uid="uid-1"),
            stage=stage,
            covers=covers or (stage,),
            plan=PLAN,
            skipped=self.skipped,
            round=0,
            parts=parts,
            indexes=1,
            engine=self.engine_name,
            root=self.root,
            options=options,
        )

    def world(self, **changes: Any) -> World:
        """Time that counts questions, and a new attempt."""
        ticks = count()
        settings = {
            "now": lambda: NOW,
            "clock": lambda: float(next(ticks)),
            "attempt": f"a{next(self._attempts)}",
        }
        return World(**{**settings, **changes})

    def run(
        self,
        request: StageRequest,
        engine: object,
        world: World | None = None,
        load: Callable[[], object] | None = None,
    ) -> StageResult:
        """What one index says at its end."""
        parts = PartSet.parse(request.parts)
        return StageRun(request, 0, parts, world or self.world()).run(load or (lambda: engine))

    def prepare(self) -> MediaDocument:
        """Prepare with Silero."""
        self._must(self.run(self.request(StageName.PREPARE), silero()))
        return self.media()

    def transcribe(self, engine: object) -> tuple[PartTranscript, ...]:
        """Transcribe every part."""
        parts = len(self.media().parts)
        request = self.request(StageName.TRANSCRIBE, parts=str(PartSet.first(parts)))
        self._must(self.run(request, engine))
        return tuple(map(self.part_transcript, range(parts)))

    def merge(self) -> Transcript:
        """Merge and export in one, as the assemble engine does."""
        covers = (StageName.MERGE, StageName.EXPORT)
        self._must(self.run(self.request(StageName.MERGE, covers), None))
        return Transcript.model_validate_json(self._read(StageName.EXPORT, 0, TRANSCRIPT))

    def document(self, engine: object) -> Transcript:
        """The whole pipeline."""
        self.prepare()
        self.transcribe(engine)
        return self.merge()

    def media(self) -> MediaDocument:
        """What prepare found."""
        return MediaDocument.model_validate_json(self._read(StageName.PREPARE, 0, MEDIA))

    def part(self, number: int) -> PreparedPart:
        """One part's facts."""
        content = self._read(StageName.PREPARE, 0, facts_name(number))
        return PreparedPart.model_validate_json(content)

    def parts(self) -> tuple[PreparedPart, ...]:
        """Every part's facts."""
        return tuple(map(self.part, range(len(self.media().parts))))

    def part_transcript(self, number: int) -> PartTranscript:
        """What was heard in one part."""
        content = self._read(StageName.TRANSCRIBE, number, TRANSCRIPT)
        return PartTranscript.model_validate_json(content)

    def _read(self, stage: StageName, part: int, name: str) -> bytes:
        artifacts = self.artifacts
        return artifacts.read(artifacts.finished(stage, part), name)

    def _must(self, result: StageResult) -> None:
        if result.exit_code != 0:
            raise StageFailed(result)
