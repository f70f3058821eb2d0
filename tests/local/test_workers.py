"""Workers that crash, hang, idle or do not fit: what becomes of the job and of them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from local_command import LIMIT_SECONDS, POLL_SECONDS, SAMPLES, LocalHome, wait_until
from long_audio import Recording

from dalston_cli.local.session import Session, open_session
from dalston_cli.local.settings import LocalSettings
from dalston_crds.v1alpha1 import JobSpec, Source, StageName, StageStatus, TranscriptionJob
from dalston_crds.v1alpha1.job_spec import StageOverride

SHARDS = {"DALSTON_SHARD_SECONDS": "10"}
OPTIONS = ("--model", "oracle", "--format", "json")
MEBIBYTES = {"silero": 512, "oracle": 128, "assemble": 1024}
TRIES = 3


@pytest.fixture
def here(home: LocalHome, recording: Recording, monkeypatch: pytest.MonkeyPatch) -> LocalHome:
    """A home whose workers are this process's own."""
    home.settings |= SHARDS
    home.oracle(recording.folder)
    for name, value in home.environment().items():
        monkeypatch.setenv(name, value)
    return home


@asynccontextmanager
async def session(home: LocalHome, **settings: str) -> AsyncIterator[Session]:
    async with open_session(LocalSettings.read(home.environment() | settings)) as opened:
        yield opened


def run(act: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(act(), LIMIT_SECONDS))


def oracle_spec(path: Path, *stages: StageOverride) -> JobSpec:
    return JobSpec(source=Source(uri=path.as_uri()), model="oracle", stages=stages)


async def transcribed(opened: Session, path: Path, *stages: StageOverride) -> TranscriptionJob:
    name = opened.submit(path, oracle_spec(path, *stages))
    await opened.run([name])
    row = opened.database.get(name)
    assert row is not None
    return row.job


def transcribe_stage(job: TranscriptionJob) -> StageStatus:
    stage = job.status.stage(StageName.TRANSCRIBE)
    assert stage is not None
    return stage


def test_a_worker_that_crashes_once_is_replaced(home: LocalHome, recording: Recording):
    home.settings |= SHARDS
    marker = home.folder / "crashed"
    home.oracle(recording.folder, crash={"after": 2, "exit_code": 1, "once": str(marker)})
    ended = home.run("transcribe", recording.path, *OPTIONS)
    assert ended.transcript()["text"] == recording.text
    assert marker.exists()
    assert ended.stderr == ""


def test_killed_workers_are_replaced(home: LocalHome, recording: Recording):
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=20)
    command = home.start("transcribe", recording.path, *OPTIONS)
    wait_until(home.windows)
    for pid, engine in home.workers().items():
        if engine == "oracle":
            os.kill(pid, signal.SIGKILL)
    assert command.ended().transcript()["text"] == recording.text


def test_a_worker_that_always_crashes_fails_the_job(home: LocalHome, recording: Recording):
    home.oracle(recording.folder, crash={"after": 0, "exit_code": 1})
    said = home.run("transcribe", recording.path, *OPTIONS).assert_one_sentence(1)
    assert (f"{recording.path}: {home.failure()[1]}", home.failure()[0]) == (said, "StageFailed")
    assert "its worker ended with exit code 1" in said


def test_the_other_parts_of_a_failed_stage_are_stopped(here: LocalHome, recording: Recording):
    here.oracle(recording.folder, crash={"after": 0, "exit_code": 1})

    async def act() -> None:
        async with session(here) as opened:
            stage = transcribe_stage(await transcribed(opened, recording.path))
            assert stage.state == "Failed"
            assert stage.parts >= 6
            pool = opened.cluster.pool
            assert pool.started["oracle"] <= (pool.slots + 1) * TRIES

    run(act)


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_wrong_input_is_the_users_fault_and_not_tried_again(
    home: LocalHome, recording: Recording, how: str
):
    marker = home.folder / "crashed"
    crash = {"after": 0, "exit_code": 65, "how": how, "once": str(marker)}
    home.oracle(recording.folder, crash=crash)
    home.run("transcribe", recording.path, *OPTIONS).assert_one_sentence(2)
    assert home.windows() == []


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_a_pinned_engine_that_cannot_run_fails_the_job(
    home: LocalHome, recording: Recording, how: str
):
    home.oracle(recording.folder, crash={"after": 0, "exit_code": 69, "how": how})
    home.run("transcribe", recording.path, *OPTIONS).assert_one_sentence(1)
    assert home.windows() == []


def test_the_next_engine_takes_over_from_one_that_cannot_run(home: LocalHome, recording: Recording):
    damaged = home.path / "weights" / "faster-whisper" / "tiny"
    damaged.mkdir(parents=True)
    for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt"):
        (damaged / name).write_text("{}")
    home.oracle(recording.folder)
    ended = home.run("transcribe", recording.path, "--language", "de", "--format", "json")
    assert ended.transcript()["text"] == recording.text
    (job,) = home.jobs()
    stage = transcribe_stage(job)
    assert (stage.engine, stage.candidate) == ("oracle", 1)


def test_several_files_load_each_model_once_per_worker(here: LocalHome):
    here.oracle()
    names = ("monologue", "long-pauses", "noise", "two-speakers")

    async def act() -> None:
        async with session(here) as opened:
            paths = [SAMPLES / f"{name}.wav" for name in names]
            jobs = [opened.submit(path, oracle_spec(path)) for path in paths]
            await opened.run(jobs)
            assert all(job.holds("Complete") for job in here.jobs())
            started = opened.cluster.pool.started
            assert set(started) == set(MEBIBYTES)
            assert max(started.values()) <= opened.cluster.pool.slots

    run(act)
    assert len({window["pid"] for window in here.windows()}) <= 2


def test_idle_workers_are_ended(here: LocalHome, recording: Recording):
    async def act() -> None:
        async with session(here, DALSTON_IDLE_SECONDS="1") as opened:
            job = await transcribed(opened, recording.path)
            assert job.holds("Complete")
            await asyncio.to_thread(wait_until, lambda: not here.workers())

    run(act)


def test_workers_that_are_ended_at_once_get_the_work_done(home: LocalHome, recording: Recording):
    home.settings |= {**SHARDS, "DALSTON_IDLE_SECONDS": "0"}
    home.oracle(recording.folder)
    ended = home.run("transcribe", recording.path, *OPTIONS)
    assert ended.transcript()["text"] == recording.text


def test_workers_stay_below_the_memory_cap(here: LocalHome, recording: Recording):
    here.oracle(recording.folder, speed=100)
    cap = 256
    seen: list[list[int]] = []

    async def watch() -> None:
        while True:
            seen.append([MEBIBYTES[engine] for engine in here.workers().values()])
            await asyncio.sleep(POLL_SECONDS)

    async def act() -> None:
        watching = asyncio.create_task(watch())
        settings = {"DALSTON_MEMORY_MIB": str(cap), "DALSTON_WORKERS": "6"}
        async with session(here, **settings) as opened:
            job = await transcribed(opened, recording.path)
            assert job.holds("Complete")
        watching.cancel()

    run(act)
    assert [128, 128] in seen
    assert all(len(alive) <= 1 or sum(alive) <= cap for alive in seen)


def test_a_worker_that_hangs_is_ended_by_the_stage_timeout(here: LocalHome, recording: Recording):
    here.oracle(recording.folder, speed=0.01)
    impatient = StageOverride(name=StageName.TRANSCRIBE, timeout_seconds=1, retries=0)

    async def act() -> None:
        async with session(here) as opened:
            job = await transcribed(opened, recording.path, impatient)
            stage = transcribe_stage(job)
            assert stage.state == "Failed"
            assert "not finished within the stage timeout of 1 s" in stage.message
            assert stage.failures[0].kind == "Timeout"
            opened.cluster.pool.kill()

    run(act)
    assert not here.workers()


@pytest.fixture
def few_files(home: LocalHome) -> Iterator[None]:
    """So few open files that the command itself works and no worker can be started."""
    home.prefix = ("prlimit", "--nofile=14")
    yield
    home.prefix = ()


@pytest.mark.usefixtures("few_files")
def test_workers_that_cannot_be_started_fail_the_job(home: LocalHome, recording: Recording):
    said = home.run("transcribe", recording.path, *OPTIONS).assert_one_sentence(1)
    assert "no worker process could be started: Too many open files" in said
