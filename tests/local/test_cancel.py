"""Ending a job early: by name from another terminal, by Ctrl-C, by SIGTERM, by a second Ctrl-C."""

import signal
from pathlib import Path

import pytest
from local_command import ORPHAN_SECONDS, SAMPLES, SLOW, LocalHome, Running, wait_until
from long_audio import Recording

SHARDS = {"DALSTON_SHARD_SECONDS": "10"}
OPTIONS = ("--model", "oracle", "--format", "json")
STUCK = 0.01
"""Each window takes longer than anybody waits."""


@pytest.fixture
def at_work(home: LocalHome, recording: Recording) -> Running:
    """A command with one part finished and others at work."""
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=SLOW)
    command = home.start("transcribe", recording.path, *OPTIONS)
    wait_until(lambda: home.manifests("transcribe"))
    return command


@pytest.fixture
def stuck(home: LocalHome, recording: Recording) -> Running:
    """A command whose worker cannot be stopped gently."""
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=STUCK)
    command = home.start("transcribe", recording.path, *OPTIONS)
    wait_until(lambda: home.manifests("prepare") and states(home) == {"Running"})
    return command


def states(home: LocalHome) -> set[str]:
    """The state of stage transcribe of every job."""
    return {s.state for job in home.jobs() for s in job.status.stages if s.name == "transcribe"}


def assert_cancelled(home: LocalHome) -> None:
    (job,) = home.jobs()
    condition = job.status.condition("Failed")
    assert condition is not None
    assert (condition.status, condition.reason) == ("True", "Cancelled")
    assert not home.workers()


def assert_goes_on(home: LocalHome, recording: Recording) -> None:
    """The same command finishes the job and makes no finished part again."""
    sealed = home.manifests()
    home.oracle(recording.folder)
    assert home.run("transcribe", recording.path, *OPTIONS).transcript()["text"] == recording.text
    assert sealed.items() <= home.manifests().items()


def test_a_running_job_is_cancelled_from_another_terminal(home: LocalHome, at_work: Running):
    (job,) = home.jobs()
    cancelled = home.run("jobs", "cancel", job.metadata.name)
    assert (cancelled.exit_code, cancelled.stderr) == (0, "")
    assert cancelled.stdout == f"{job.metadata.name}: Cancelled\n"
    assert "cancelled" in at_work.ended().assert_one_sentence(130)
    assert_cancelled(home)


def test_ctrl_c_cancels_and_the_same_command_goes_on(
    home: LocalHome, recording: Recording, at_work: Running
):
    at_work.press_ctrl_c()
    assert "goes on" in at_work.ended().assert_one_sentence(130)
    assert_cancelled(home)
    assert_goes_on(home, recording)


def test_a_second_ctrl_c_ends_at_once(home: LocalHome, recording: Recording, stuck: Running):
    stuck.press_ctrl_c()
    wait_until(lambda: home.jobs()[0].spec.cancel)
    stuck.press_ctrl_c()
    wait_until(lambda: stuck.process.poll() is not None and not home.workers(), ORPHAN_SECONDS)
    stuck.ended().assert_one_sentence(130)
    assert_goes_on(home, recording)


def test_sigterm_does_what_ctrl_c_does_and_kills_workers_that_do_not_stop(
    home: LocalHome, stuck: Running
):
    stuck.process.send_signal(signal.SIGTERM)
    assert "goes on" in stuck.ended().assert_one_sentence(130)
    assert_cancelled(home)


def test_a_job_that_nobody_runs_is_cancelled(
    home: LocalHome, recording: Recording, at_work: Running
):
    at_work.kill()
    (job,) = home.jobs()
    cancelled = home.run("jobs", "cancel", job.metadata.name)
    assert cancelled.stdout == f"{job.metadata.name}: Cancelled\n"
    assert_cancelled(home)
    assert_goes_on(home, recording)


def test_ctrl_c_leaves_files_that_are_done_as_they_are(home: LocalHome, recording: Recording):
    home.oracle(recording.folder, SAMPLES, speed=SLOW)
    output = home.folder / "output"
    files = (SAMPLES / "monologue.wav", recording.path)
    command = home.start("transcribe", *files, *OPTIONS, "--output", output)
    wait_until(lambda: any(job.finished for job in home.jobs()))
    command.press_ctrl_c()
    command.ended().assert_one_sentence(130)
    by_file = {Path(job.spec.source.uri).name: job for job in home.jobs()}
    assert by_file["monologue.wav"].holds("Complete")
    assert not by_file["monologue.wav"].spec.cancel
    assert by_file["five%20times.wav"].spec.cancel
    assert [path.name for path in output.iterdir()] == ["monologue.wav.json"]


def test_ctrl_c_while_resuming_cancels_too(home: LocalHome, at_work: Running):
    at_work.kill()
    (job,) = home.jobs()
    parts = len(home.manifests("transcribe"))
    resumed = home.start("jobs", "resume", job.metadata.name)
    wait_until(lambda: len(home.manifests("transcribe")) > parts)
    resumed.press_ctrl_c()
    resumed.ended().assert_one_sentence(130)
    assert_cancelled(home)
