"""What acceptance fixes for a job's whole life: its stages, their engines and ranked fallbacks.

Kept in one object owned by the job and never planned anew by a newer operator.
"""

from pydantic import Field

from dalston_crds.v1alpha1 import Device, Engine, StageName
from dalston_crds.v1alpha1.meta import ShortText, Wire


class Candidate(Wire):
    """One way to run a stage: an engine's whole template, a model and a device."""

    engine: Engine
    model: ShortText = ""
    device: Device


class FrozenStage(Wire):
    """One node of the plan."""

    name: StageName
    covers: tuple[StageName, ...]
    needs: tuple[StageName, ...] = Field(description="Nodes it follows, by their names.")
    per_part: bool
    required: bool
    retries: int
    timeout_seconds: int | None = None
    candidates: tuple[Candidate, ...] = Field(min_length=1, description="Best first.")


class UnavailableStage(Wire):
    """An optional stage that nothing here can run."""

    name: StageName
    reason: ShortText


class FrozenPlan(Wire):
    """The job's plan."""

    stages: tuple[FrozenStage, ...]
    unavailable: tuple[UnavailableStage, ...] = ()

    def stage(self, name: StageName) -> FrozenStage:
        """The node called *name*."""
        return next(stage for stage in self.stages if stage.name == name)
