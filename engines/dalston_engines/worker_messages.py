"""What a local worker and its parent say to each other, one JSON object a line."""

from dalston_crds.stage_messages import StageRequest, StageResult
from dalston_crds.v1alpha1.meta import Wire


class Order(Wire):
    """Work for a worker."""

    number: int
    request: StageRequest
    index: int
    parts: str


class Answer(Wire):
    """A result so far; the last one of an order has an exit code."""

    number: int
    result: StageResult
