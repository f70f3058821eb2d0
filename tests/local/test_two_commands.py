"""Two commands in one home: the same job is done once, and survives the death of either."""

from collections import Counter

from local_command import ORPHAN_SECONDS, SAMPLES, SLOW, LocalHome, wait_until
from long_audio import Recording

SHARDS = {"DALSTON_SHARD_SECONDS": "10"}
OPTIONS = ("--model", "oracle", "--format", "json")


def decoded(home: LocalHome) -> Counter[tuple[float, float, bool]]:
    """How often each window was decoded."""
    return Counter((item["start"], item["end"], item["recover"]) for item in home.windows())


def started_on(home: LocalHome, recording: Recording, parts: int):
    """A command that has finished so many parts."""
    command = home.start("transcribe", recording.path, *OPTIONS)
    wait_until(lambda: len(home.manifests("transcribe")) >= parts)
    return command


def test_the_same_command_twice_at_once_does_the_work_once(home: LocalHome, recording: Recording):
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=10)
    both = [home.start("transcribe", recording.path, *OPTIONS) for _ in range(2)]
    first, second = (command.ended() for command in both)
    assert first.transcript() == second.transcript()
    assert first.transcript()["text"] == recording.text
    assert set(decoded(home).values()) == {1}
    assert len(home.jobs()) == 1


def test_a_follower_takes_over_when_the_first_command_is_killed(
    home: LocalHome, recording: Recording
):
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=SLOW)
    first = started_on(home, recording, parts=1)
    second = home.start("transcribe", recording.path, *OPTIONS)
    wait_until(lambda: second.has_open(home.path / "dalston.db"))
    first.kill()
    sealed = home.manifests()
    home.oracle(recording.folder)
    assert second.ended().transcript()["text"] == recording.text
    assert sealed.items() <= home.manifests().items()
    assert max(decoded(home).values()) <= 2


def test_followers_come_to_their_end_alone(home: LocalHome, recording: Recording):
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=SLOW)
    first = started_on(home, recording, parts=1)
    followers = [home.start("transcribe", recording.path, *OPTIONS) for _ in range(2)]
    wait_until(lambda: all(item.has_open(home.path / "dalston.db") for item in followers))
    killed, interrupted = followers
    killed.kill()
    interrupted.press_ctrl_c()
    interrupted.ended().assert_one_sentence(130)
    assert first.process.poll() is None
    assert first.ended().transcript()["text"] == recording.text
    assert set(decoded(home).values()) == {1}


def test_a_finished_job_is_run_again_under_the_eyes_of_a_second_command(
    home: LocalHome, recording: Recording
):
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=100)
    once = home.run("transcribe", recording.path, *OPTIONS).transcript()
    both = [home.start("transcribe", recording.path, *OPTIONS) for _ in range(2)]
    assert [command.ended().transcript() for command in both] == [once, once]


def test_different_files_are_worked_on_at_once(home: LocalHome):
    names = ("monologue", "long-pauses", "noise")
    commands = [
        home.start("transcribe", SAMPLES / f"{name}.wav", "--model", "oracle") for name in names
    ]
    for command, name in zip(commands, names, strict=True):
        ended = command.ended()
        assert ended.exit_code == 0
        assert f"{name}.wav" in ended.stdout
    wait_until(lambda: not home.workers(), ORPHAN_SECONDS)
    assert all(job.holds("Complete") for job in home.jobs())
    assert len(home.jobs()) == 3
