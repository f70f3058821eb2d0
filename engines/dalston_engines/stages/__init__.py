"""One driver per stage: a function from a part's work to the facts of what it made.

A driver reads inputs, calls its engine, checks completeness and writes artifacts. Drivers are
imported when their stage runs, so that a process pays for what it uses.
"""

from collections.abc import Callable
from importlib import import_module

from dalston_crds.stage_messages import PartFacts
from dalston_crds.v1alpha1 import StageName
from dalston_engines.errors import EngineUnavailable
from dalston_engines.stages.part_work import PartWork

Driver = Callable[[PartWork], PartFacts]

MODULES = {
    StageName.PREPARE: "dalston_engines.stages.prepare",
    StageName.TRANSCRIBE: "dalston_engines.stages.transcribe",
    StageName.MERGE: "dalston_engines.stages.merge",
    StageName.EXPORT: "dalston_engines.stages.export",
}


def driver_of(stage: StageName) -> Driver:
    """The driver of *stage*; raises EngineUnavailable when this version has none."""
    if stage not in MODULES:
        raise EngineUnavailable(f"this version has no driver for stage {stage}")
    driver: Driver = import_module(MODULES[stage]).run
    return driver
