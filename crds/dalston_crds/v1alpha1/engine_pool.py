"""EnginePool: warm replicas of one engine behind Triton. Namespaced, scale subresource."""

from typing import Literal

from pydantic import Field

from dalston_crds.v1alpha1.meta import Condition, DnsName, Resource, ShortText, Wire


class PoolAutoscaling(Wire):
    """How KEDA scales the pool."""

    min: int = Field(default=0, ge=0, le=1000, description="Fewest replicas.")
    max: int = Field(default=1, ge=1, le=1000, description="Most replicas.")
    target: int = Field(default=1, ge=1, le=1000, description="Sessions per replica aimed at.")


class EnginePoolSpec(Wire):
    """Which engine is kept warm, and how much of it."""

    engine: ShortText = Field(description="The Engine it runs.")
    model: ShortText = Field(default="", description="The model it loads; empty: the first.")
    replicas: int = Field(default=1, ge=0, le=1000, description="Replicas wanted.")
    slots_per_replica: int = Field(default=1, ge=1, le=4096, description="Streams a replica takes.")
    realtime_reserve: int = Field(default=0, ge=0, le=4096, description="Slots kept from batch.")
    autoscaling: PoolAutoscaling | None = Field(default=None, description="Unset: fixed size.")
    drain_seconds: int = Field(default=300, ge=0, le=86_400, description="Grace for sessions.")
    allowed_namespaces: tuple[DnsName, ...] = Field(
        default=(), max_length=256, description="Who may use it besides its own namespace."
    )


class EnginePoolStatus(Wire):
    """What the pool is."""

    observed_generation: int = Field(default=-1, description="Generation last acted on.")
    replicas: int = Field(default=0, ge=0, description="Replicas that exist.")
    ready_replicas: int = Field(default=0, ge=0, description="Replicas that serve.")
    selector: ShortText = Field(default="", description="Label selector of its pods.")
    conditions: tuple[Condition, ...] = Field(default=(), max_length=8, description="Ready.")


class EnginePool(Resource):
    """Warm replicas of one engine."""

    kind: Literal["EnginePool"] = "EnginePool"
    spec: EnginePoolSpec = Field(description="What is wanted.")
    status: EnginePoolStatus = Field(default_factory=EnginePoolStatus, description="What is.")
