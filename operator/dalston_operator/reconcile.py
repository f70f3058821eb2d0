"""Bring one job a step closer to what was asked for: observe, plan, act, write status once.

Everything here may be cut off between any two lines and run again: starting a round that exists,
stopping one that has ended and writing the same status are all harmless.
"""

from collections.abc import Callable
from datetime import datetime

from dalston_operator.cluster import Cluster, Conflict, Observation
from dalston_operator.plan import Plan, plan


async def reconcile(key: str, cluster: Cluster, now: Callable[[], datetime]) -> datetime | None:
    """One step of the job called *key*; returns when to look again if nothing else happens."""
    observed = await cluster.observe(key)
    if observed is None:
        return None
    decided = plan(observed, now())
    try:
        await carry_out(decided, observed, cluster)
    except Conflict:
        return now()
    return decided.wake_at


async def carry_out(decided: Plan, observed: Observation, cluster: Cluster) -> None:
    """Do what the plan says; raises Conflict when the job has changed meanwhile.

    Nothing starts before the status that knows of it is stored, so an old copy of the job starts
    nothing, and a job whose status has no stages has no rounds.
    """
    if decided.freeze is not None:
        await cluster.freeze(observed.job, decided.freeze)
    for round_ in decided.stop:
        await cluster.stop(round_)
    for round_ in decided.suspend:
        await cluster.suspend(round_, True)
    for round_ in decided.resume:
        await cluster.suspend(round_, False)
    if decided.status is not None:
        await cluster.write_status(observed.job, decided.status)
    for started in decided.start:
        await cluster.start(started)
