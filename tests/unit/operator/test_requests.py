"""What a round is told."""

from typing import Any

import pytest
from operator_fixtures import (
    CORE_STAGES,
    NOW,
    accepted,
    core_engines,
    make_job,
    media,
    stage_status,
    succeeded,
)

from dalston_crds.stage_messages import MAX_REQUEST_BYTES, StageRequest
from dalston_crds.v1alpha1 import StageName
from dalston_operator.cluster import Observation
from dalston_operator.plan import plan

TRANSCRIBE = StageName.TRANSCRIBE
