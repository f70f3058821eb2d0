"""What a round is told: its StageRequest, and the round around it. Pure."""

from datetime import timedelta

from dalston_crds.artifact_keys import job_root
from dalston_crds.labels import TRACEPARENT
from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import (
    MAX_REQUEST_BYTES,
    JobRef,
    SkippedStage,
    StageOptions,
    StageRequest,
    Tracks,
)
from dalston_crds.v1alpha1 import (
    JobSpec,
    JobStatus,
    SpeakerMode,
    StageName,
    StageState,
    StageStatus,
    TranscriptionJob,
)
from dalston_operator.cluster import Observation, Placement
from dalston_operator.frozen_plan import FrozenPlan, FrozenStage
from dalston_operator.pipeline import FALLBACKS
from dalston_operator.rounds import Round, index_count, stage_timeout

HEARS_WORDS = frozenset({StageName.LANGUAGE, StageName.TRANSCRIBE, StageName.ALIGN})
KNOWS_SPEAKERS = frozenset(
    {
        StageName.PREPARE,
        StageName.TRANSCRIBE,
        StageName.DIARIZE,
        StageName.SPEAKER_LINK,
        StageName.MERGE,
    }
)
KNOWS_PRIVACY = frozenset(
    {
        StageName.PII_DETECT,
        StageName.AUDIO_REDACT,
        StageName.VERIFY,
        StageName.EXPORT,
        StageName.PURGE,
    }
)


def round_for(
    observed: Observation, frozen: FrozenPlan, stage: StageStatus, status: JobStatus
) -> Round:
    """The stage's current round, holding its unfinished parts."""
    node, job = frozen.stage(stage.name), observed.job
    candidate = node.candidates[stage.candidate]
    parts = PartSet.first(stage.parts) - PartSet.parse(stage.completed_parts)
    audio = audio_seconds(job.spec, status) * len(parts) / max(1, stage.parts)
    indexes = index_count(parts, audio, candidate)
    part_seconds = audio / max(1, len(parts))
    return Round(
        job_uid=job.metadata.uid,
        stage=stage.name,
        number=stage.round,
        parts=parts,
        indexes=indexes,
        parallelism=min(indexes, job.spec.parallelism),
        candidate=candidate,
        retries=node.retries,
        timeout_seconds=stage_timeout(candidate, part_seconds, node.timeout_seconds),
        pending_timeout_seconds=job.spec.pending_timeout_seconds,
        request=request_for(observed, frozen, stage, status, (parts, indexes)),
    )


def request_for(
    observed: Observation,
    frozen: FrozenPlan,
    stage: StageStatus,
    status: JobStatus,
    work: tuple[PartSet, int],
) -> StageRequest:
    """What the pods of a round are told; *work* is the round's parts and index count."""
    node, job = frozen.stage(stage.name), observed.job
    candidate = node.candidates[stage.candidate]
    created = job.metadata.creation_timestamp
    return StageRequest(
        job=_reference(job),
        stage=stage.name,
        covers=node.covers,
        plan=tuple(name for item in frozen.stages for name in item.covers),
        skipped=_skipped(status, frozen),
        round=stage.round,
        parts=str(work[0]),
        indexes=work[1],
        engine=candidate.engine.name,
        model=candidate.model,
        device=candidate.device.type,
        root=artifact_root(job, observed.placement),
        options=options_for(job.spec, node, status, observed.placement),
        deadline=created + timedelta(seconds=job.spec.deadline_seconds) if created else None,
        traceparent=job.metadata.annotations.get(TRACEPARENT, ""),
    )


def options_for(
    spec: JobSpec, node: FrozenStage, status: JobStatus, placement: Placement
) -> StageOptions:
    """Of the job's spec, what the stages of one node need."""
    covers = set(node.covers)
    chosen: dict[str, object] = {"timestamps": spec.timestamps}
    if StageName.PREPARE in covers:
        channels = spec.speakers.mode is SpeakerMode.PER_CHANNEL
        chosen |= {
            "source": spec.source,
            "tracks": Tracks.CHANNELS if channels else Tracks.MIX,
            "shard_seconds": placement.shard_seconds,
            "max_audio_seconds": placement.max_audio_seconds,
        }
    if covers & (HEARS_WORDS | {StageName.MERGE}):
        chosen |= {"language": spec.language or status.language or None, "task": spec.task}
    if covers & HEARS_WORDS:
        chosen |= {
            "vocabulary": spec.vocabulary,
            "prompt": spec.prompt,
            "temperature_milli": spec.temperature_milli,
        }
    if covers & KNOWS_SPEAKERS:
        chosen["speakers"] = spec.speakers
    if covers & KNOWS_PRIVACY:
        chosen["privacy"] = spec.privacy
    if covers & {StageName.DETECT, StageName.REFINE}:
        chosen["enrich"] = spec.enrich
    if StageName.EXPORT in covers:
        chosen["outputs"] = spec.outputs
    return StageOptions.model_validate(chosen)


def artifact_root(job: TranscriptionJob, placement: Placement) -> str:
    """Address below which the job's artifacts lie."""
    namespace = job.metadata.namespace or "default"
    return job_root(placement.root, placement.cluster_id, namespace, job.metadata.uid)


def audio_seconds(spec: JobSpec, status: JobStatus) -> float:
    """Seconds of audio over all tracks, as far as it is known."""
    if status.media is None:
        return float(spec.source.duration_hint_seconds or 0)
    tracks = status.media.channels if spec.speakers.mode is SpeakerMode.PER_CHANNEL else 1
    return status.media.duration_milliseconds / 1000 * tracks


def too_large(observed: Observation, frozen: FrozenPlan | None) -> str:
    """Why the job's options do not fit a request; empty when they do."""
    for node in frozen.stages if frozen else ():
        stage = StageStatus(name=node.name, parts=1)
        assert frozen is not None
        request = request_for(observed, frozen, stage, observed.job.status, (PartSet.first(1), 1))
        size = len(request.model_dump_json(by_alias=True, exclude_defaults=True).encode())
        if size > MAX_REQUEST_BYTES:
            return (
                f"the options of stage {node.name} take {size} bytes and at most"
                f" {MAX_REQUEST_BYTES} fit: shorten vocabulary, prompt, references or outputs"
            )
    return ""


def _reference(job: TranscriptionJob) -> JobRef:
    meta = job.metadata
    return JobRef(name=meta.name, namespace=meta.namespace or "default", uid=meta.uid)


def _skipped(status: JobStatus, frozen: FrozenPlan) -> tuple[SkippedStage, ...]:
    ended = [
        SkippedStage(
            stage=item.name, reason=item.message[:250], fallback=FALLBACKS.get(item.name, "")
        )
        for item in status.stages
        if item.state is StageState.SKIPPED
    ]
    absent = [
        SkippedStage(stage=item.name, reason=item.reason, fallback=FALLBACKS.get(item.name, ""))
        for item in frozen.unavailable
    ]
    return (*absent, *ended)
