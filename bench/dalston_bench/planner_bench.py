"""The planner on a very large job: 32 channels of 10 h."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dalston_bench.measurement import Figure, at_most
from dalston_crds.part_set import PartSet
from dalston_crds.v1alpha1 import (
    JobSpec,
    Media,
    ObjectMeta,
    Source,
    SpeakerMode,
    Speakers,
    StageName,
    StageState,
    TranscriptionJob,
)
from dalston_engines.catalogue import installed_engines
from dalston_engines.weights import WeightsPlaces
from dalston_operator.cluster import Observation
from dalston_operator.plan import plan

NAME = "planner"
PARTS = 3_840
PLANS = 1_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def run(folder: Path) -> Iterator[Figure]:
    """1,000 plans of a half-done job, and the size of its status."""
    observed = _half_done()
    began = time.process_time()
    for _ in range(PLANS):
        plan(observed, NOW)
    yield at_most(NAME, f"{PLANS} plans of {PARTS} parts", time.process_time() - began, "s", 2)
    size = len(observed.job.status.model_dump_json(by_alias=True)) / 1024
    yield at_most(NAME, "status of it", size, "KiB", 64)


def _half_done() -> Observation:
    job = TranscriptionJob(
        metadata=ObjectMeta(name="large", uid="0" * 32, creation_timestamp=NOW),
        spec=JobSpec(
            source=Source(uri="s3://bucket/large.wav"),
            model="pocketsphinx",
            speakers=Speakers(mode=SpeakerMode.PER_CHANNEL),
        ),
    )
    engines = tuple(item.manifest for item in installed_engines(WeightsPlaces()))
    accepted = plan(Observation(job, engines=engines), NOW)
    assert accepted.status is not None
    every_other = str(PartSet.of(range(0, PARTS, 2)))
    stages = []
    for stage in accepted.status.stages:
        change: dict[str, object] = {"state": StageState.WAITING}
        if stage.name == StageName.PREPARE:
            change = {"state": StageState.SUCCEEDED, "completed_parts": "0"}
        if stage.name == StageName.TRANSCRIBE:
            change = {
                "state": StageState.RUNNING,
                "parts": PARTS,
                "completed_parts": every_other,
            }
        stages.append(stage.model_copy(update=change))
    media = Media(channels=32, sample_rate_hertz=48_000, duration_milliseconds=36_000_000)
    status = accepted.status.model_copy(update={"stages": tuple(stages), "media": media})
    job = job.model_copy(update={"status": status})
    return Observation(job, frozen=accepted.freeze, engines=engines)
