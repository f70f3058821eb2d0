"""Label and annotation keys of the objects Dalston owns."""

from dalston_crds.v1alpha1.meta import GROUP

JOB_UID = f"{GROUP}/job-uid"
"""Label: UID of the TranscriptionJob an object belongs to."""

STAGE = f"{GROUP}/stage"
"""Label: stage a Job or Pod works for."""

ROUND = f"{GROUP}/round"
"""Label: number of the round, within its stage."""

ENGINE = f"{GROUP}/engine"
"""Label: engine a Job or Pod runs."""

STAGE_REQUEST = f"{GROUP}/stage-request"
"""Annotation of the pod template: the StageRequest as JSON, mounted by the downward API."""

DISPLAY_NAME = f"{GROUP}/display-name"
"""Annotation of a job: the name its user sees; may change at any time."""

ARCHIVED = f"{GROUP}/archived"
"""Annotation of a job: the gateway has mirrored its end; the TTL may remove the object."""

TRACEPARENT = f"{GROUP}/traceparent"
"""Annotation of a job: W3C trace context of the request that created it."""
