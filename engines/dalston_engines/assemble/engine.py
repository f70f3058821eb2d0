"""Merge and export are drivers alone; this engine gives them a place to run."""

from dalston_engines.contract import EngineContext


class Assemble:
    """No model."""

    def __init__(self, context: EngineContext) -> None:
        self.context = context
