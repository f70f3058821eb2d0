"""What every resource shares: metadata, conditions, bounded field types.

Rules of the wire contract: integers only, units as name suffixes, every string and list bounded.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)
from pydantic.alias_generators import to_camel

from dalston_crds.part_set import PartSet

GROUP = "dalston.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Timestamp = Annotated[datetime, PlainSerializer(_rfc3339, when_used="json")]
"""A moment in UTC, written as Kubernetes writes it: whole seconds."""

DnsName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)
]
ShortText = Annotated[str, StringConstraints(max_length=253)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Milli = Annotated[int, Field(ge=0, le=1000)]


def _intervals(text: str) -> str:
    PartSet.parse(text)
    return text


Intervals = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9,-]*$", max_length=20480),
    AfterValidator(_intervals),
]
"""A set of part numbers, such as ``0-57,60``; see ``dalston_crds.intervals``."""


class Wire(BaseModel):
    """Base of everything on the wire: camelCase names, frozen, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
    )

    def wire(self) -> dict[str, object]:
        """The JSON form: camelCase, unset optional fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class ObjectMeta(Wire):
    """The fields of Kubernetes object metadata that Dalston reads."""

    model_config = ConfigDict(extra="ignore")

    name: DnsName
    namespace: DnsName | None = None
    uid: str = ""
    resource_version: str = ""
    generation: int = 1
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class ConditionStatus(StrEnum):
    """The three values of a Kubernetes condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Wire):
    """One observed condition, as in Kubernetes' ``metav1.Condition``."""

    type: Annotated[str, StringConstraints(max_length=63)] = Field(
        description="What the condition speaks of."
    )
    status: ConditionStatus = Field(description="Whether it holds.")
    reason: Annotated[str, StringConstraints(max_length=63)] = Field(
        description="A stable word for why."
    )
    message: Annotated[str, StringConstraints(max_length=2048)] = Field(
        default="", description="What happened and what to do next."
    )
    last_transition_time: Timestamp = Field(description="When status last changed.")
    observed_generation: int = Field(default=0, ge=0, description="Generation it was judged on.")


class Resource(Wire):
    """Base of the custom resources."""

    api_version: str = API_VERSION
    metadata: ObjectMeta
