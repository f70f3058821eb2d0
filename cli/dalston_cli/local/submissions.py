"""From a file's digest and a spec to a named job. Pure.

A job's name derives from the audio's digest and the options that change its result, so the same
call finds the same job again.
"""

import hashlib
import os
import re
from datetime import datetime
from pathlib import Path

from dalston_crds.labels import DISPLAY_NAME
from dalston_crds.v1alpha1 import JobSpec, ObjectMeta, Source, TranscriptionJob

NAMESPACE = "default"
NAME_LENGTH = 40
DIGEST_LENGTH = 10


def job_name(path: Path, audio_sha256: str, spec: JobSpec, shard_seconds: int) -> str:
    """A name that is the same for the same audio and options, and readable."""
    options = spec.model_copy(update={"source": Source(uri=f"sha256:{audio_sha256}"), "retry": 0})
    key = f"{options.model_dump_json()} {shard_seconds}".encode()
    stem = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:NAME_LENGTH].strip("-")
    return f"{stem or 'audio'}-{hashlib.sha256(key).hexdigest()[:DIGEST_LENGTH]}"


def job_uid(name: str, run: int) -> str:
    """Names the folder of one run's artifacts."""
    return hashlib.sha256(f"{name} {run}".encode()).hexdigest()[:32]


def new_job(name: str, path: Path, spec: JobSpec, run: int, now: datetime) -> TranscriptionJob:
    """The job object; *run* counts how often one of this name was made before."""
    return TranscriptionJob(
        metadata=ObjectMeta(
            name=name,
            namespace=NAMESPACE,
            uid=job_uid(name, run),
            creation_timestamp=now,
            annotations={DISPLAY_NAME: os.fsencode(path.name).decode(errors="replace")},
        ),
        spec=spec,
    )
