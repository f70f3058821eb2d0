"""What a job costs beyond its engines' own work: cold, and with workers warm.

Both runs use the oracle engine, which answers at once, so that what is left is Dalston.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dalston_bench.command import transcribe
from dalston_bench.long_audio import SAMPLES
from dalston_bench.measurement import Figure, at_most
from dalston_cli.local.session import Session, open_session
from dalston_cli.local.settings import LocalSettings
from dalston_cli.options import JobFlags, spec_for
from dalston_crds.v1alpha1 import JobSpec, TranscriptionJob

NAME = "overhead"
FILES = ("monologue", "telephone", "noise", "long-pauses")
MANY = 20


def run(folder: Path) -> Iterator[Figure]:
    """Cold command, warm job, and twenty files in one command."""
    oracle = folder / "oracle.json"
    truth = str(SAMPLES.absolute())
    oracle.write_text(json.dumps({"truth": [truth]}))
    cold = transcribe(
        folder / "cold", [SAMPLES / "monologue.wav"], "-m", "oracle", DALSTON_ORACLE=str(oracle)
    )
    own = cold.engine_milliseconds() / 1000
    start_up = _start_up(folder / "cold")
    yield at_most(NAME, "cold command over its stages' work", cold.seconds - own, "s", 3.0)
    yield Figure(NAME, "of it the command's own start", start_up, "s")
    yield Figure(NAME, "of it workers' start and hand-over", cold.seconds - own - start_up, "s")
    yield from asyncio.run(_warm(folder, oracle))
    yield from asyncio.run(_many(folder))


def _start_up(home: Path) -> float:
    """A command that does nothing but start and read its state."""
    command = [str(Path(sys.executable).with_name("dalston")), "jobs", "list"]
    environment = os.environ | {"DALSTON_HOME": str(home)}
    began = time.monotonic()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


async def _warm(folder: Path, oracle: Path) -> list[Figure]:
    environment = {"DALSTON_HOME": str(folder / "warm"), "DALSTON_ORACLE": str(oracle)}
    os.environ["DALSTON_ORACLE"] = str(oracle)
    async with open_session(LocalSettings.read(environment)) as session:
        await _job(session, FILES[0])
        spent = [await _job(session, name) for name in FILES[1:]]
    seconds, job = sorted(spent, key=lambda item: item[0])[1]
    worked = {item.name: item.timings.worked_milliseconds / 1000 for item in job.status.stages}
    own = sum(worked.values())
    figures = [at_most(NAME, "warm job over its stages' work", seconds - own, "s", 1.2)]
    figures += [Figure(NAME, f"of it stage {name}", value, "s") for name, value in worked.items()]
    return figures


async def _job(session: Session, name: str) -> tuple[float, TranscriptionJob]:
    path = SAMPLES / f"{name}.wav"
    began = time.monotonic()
    job = session.submit(path, _spec("oracle", path))
    await session.run([job])
    row = session.database.get(job)
    assert row is not None
    return time.monotonic() - began, row.job


async def _many(folder: Path) -> list[Figure]:
    """Twenty files by the default engine: a worker loads its model once, however many files."""
    environment = {"DALSTON_HOME": str(folder / "many")}
    settings = LocalSettings.read(environment)
    async with open_session(settings) as session:
        began = time.monotonic()
        jobs = [session.submit(path, _spec("auto", path)) for path in _copies(folder)]
        await session.run(jobs)
        seconds = time.monotonic() - began
        loads = session.cluster.pool.started["pocketsphinx"]
    return [
        at_most(NAME, f"model loads for {MANY} files", loads, "", settings.workers),
        Figure(NAME, f"{MANY} files in one command", seconds, "s"),
    ]


def _copies(folder: Path) -> list[Path]:
    """Files that differ, so that each is a job of its own."""
    copies = []
    for number in range(MANY):
        content = (SAMPLES / f"{FILES[number % len(FILES)]}.wav").read_bytes()
        copies.append(folder / f"copy-{number}.wav")
        copies[-1].write_bytes(content + bytes(2 * number))
    return copies


def _spec(model: str, path: Path) -> JobSpec:
    return spec_for(JobFlags(model=model), path.absolute().as_uri())
