"""The oracle gets wrong what it is asked to get wrong, and nothing else."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sounds import sample, truth
from stage_harness import oracle, write_truth

from dalston_engines.contract import Audio, Hypothesis, TranscribeOptions
from dalston_engines.engine_context import EngineContext
from dalston_engines.errors import EngineUnavailable, InputError, StageError, Terminated
from dalston_oracle.engine import Oracle
from dalston_oracle.options import VARIABLE

NAME = "two-speakers"
KNOWN = truth(NAME)


def window(start: float, end: float, channel: int | None = None) -> Audio:
    whole = Audio(sample("two-speakers")[:, channel or 0], 0.0, channel, KNOWN.sha256)
    return whole.cut(start, end)


def hear(engine: Any, *windows: Audio, **options: Any) -> list[Hypothesis]:
    return list(engine.transcribe(windows, TranscribeOptions(**options)))


def text(hypothesis: Hypothesis) -> str:
    return " ".join(segment.text for segment in hypothesis.segments)


def test_it_hears_every_channel_of_the_mix(tmp_path: Path):
    (found,) = hear(oracle(tmp_path), window(0, 17))
    assert text(found) == KNOWN.text()
    assert len(found.segments) == len(KNOWN.turns)


@pytest.mark.parametrize("channel", [0, 1])
def test_it_hears_one_channel_alone(tmp_path: Path, channel: int):
    (found,) = hear(oracle(tmp_path), window(0, 17, channel))
    assert text(found) == KNOWN.channel_text(channel)


def test_words_whose_middle_is_in_the_window_are_heard_at_the_windows_time(tmp_path: Path):
    """The first words are "good" from 0.4 to 0.635 s and "morning" to 1.026 s."""
    (found,) = hear(oracle(tmp_path), window(0.55, 0.9))
    (segment,) = found.segments
    assert segment.text == "morning"
    assert segment.words is not None
    assert segment.words[0].start == pytest.approx(0.635 - 0.55)
    assert segment.end == segment.words[0].end == pytest.approx(1.026 - 0.55)


def test_audio_it_has_no_truth_for_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="the oracle has no truth for audio"):
        hear(oracle(tmp_path), Audio(sample("monologue")))


def test_it_pretends_to_need_time(tmp_path: Path):
    began = time.monotonic()
    engine = oracle(tmp_path, speed=100, load_seconds=0.1)
    loaded = time.monotonic()
    hear(engine, window(0, 10), window(0, 5))
    assert loaded - began >= 0.1
    assert time.monotonic() - loaded >= 0.15


def test_it_drops_regions_until_the_second_look(tmp_path: Path):
    engine = oracle(tmp_path, dropped=[[0, 0.7], [0.9, 4]])
    assert text(hear(engine, window(0, 4))[0]) == "morning"
    assert text(hear(engine, window(0, 4), recover=True)[0]) == KNOWN.turns[0].text
    deaf = oracle(tmp_path, dropped=[[0, 0.7], [0.9, 4]], deaf=True)
    assert text(hear(deaf, window(0, 4), recover=True)[0]) == "morning"


def test_it_drops_every_nth_window(tmp_path: Path):
    found = hear(oracle(tmp_path, drop_every=3), *[window(0, 4)] * 7)
    assert [bool(item.segments) for item in found] == [True, True, False, True, True, False, True]


def test_it_leaves_out_what_it_is_asked_to(tmp_path: Path):
    (plain,) = hear(oracle(tmp_path), window(0, 4))
    assert plain.segments[0].tokens is None
    assert plain.segments[0].words is not None
    assert plain.segments[0].words[0].confidence == 0.9
    (found,) = hear(oracle(tmp_path, no_words=True, logprobs=True), window(0, 4))
    assert found.segments[0].words is None
    assert found.segments[0].tokens is not None
    assert found.segments[0].tokens[0].logprob == -0.25
    (unsure,) = hear(oracle(tmp_path, no_confidence=True), window(0, 4))
    assert unsure.segments[0].words is not None
    assert unsure.segments[0].words[0].confidence is None


def test_it_logs_every_window_it_decodes(tmp_path: Path):
    log = tmp_path / "log"
    engine = oracle(tmp_path, log=log)
    hear(engine, window(0, 4, 1), window(4, 8, 1), language="en")
    hear(engine, window(1, 2), recover=True)
    first, _, last = map(json.loads, log.read_text().splitlines())
    assert first == {
        "pid": os.getpid(),
        "start": 0.0,
        "end": 4.0,
        "channel": 1,
        "language": "en",
        "recover": False,
    }
    assert (last["start"], last["channel"], last["recover"]) == (1.0, None, True)


@pytest.mark.parametrize(
    ("code", "error"),
    [(65, InputError), (69, EngineUnavailable), (143, Terminated), (1, StageError)],
)
def test_it_fails_as_an_engine_would(tmp_path: Path, code: int, error: type[StageError]):
    engine = oracle(tmp_path, crash={"after": 2, "how": "raise", "exit_code": code})
    heard = engine.transcribe([window(0, 4)] * 3, TranscribeOptions())
    assert next(heard) == next(heard)
    with pytest.raises(error) as caught:
        next(heard)
    assert caught.value.exit_code == code


def test_parts_are_first_looks(tmp_path: Path):
    engine = oracle(tmp_path, crash={"after": 2, "count": "parts", "how": "raise"})
    for _ in range(2):
        hear(engine, window(0, 4), window(4, 8))
        hear(engine, window(0, 4), recover=True)
    with pytest.raises(StageError):
        hear(engine, window(0, 4))


def test_it_ends_its_process_once(tmp_path: Path):
    marker = tmp_path / "crashed"
    options = tmp_path / "options.json"
    crash = {"after": 0, "exit_code": 139, "once": str(marker)}
    known = write_truth(tmp_path / "a.wav", "", [(0, [("hello", 0.1, 0.2)])])
    options.write_text(json.dumps({"truth": [str(known)], "crash": crash}))
    code = (
        "import numpy as np\n"
        "from dalston_engines.contract import Audio, EngineContext, TranscribeOptions\n"
        "from dalston_oracle.engine import Oracle\n"
        "audio = Audio(np.zeros(16_000, np.float32))\n"
        "(heard,) = Oracle(EngineContext()).transcribe([audio], TranscribeOptions())\n"
        "print(heard.segments[0].text)\n"
    )
    tries = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, VARIABLE: str(options)},
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    ]
    assert [(item.returncode, item.stdout, item.stderr) for item in tries] == [
        (139, "", ""),
        (0, "hello\n", ""),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"speeed": 5}', "speeed: Extra inputs are not permitted"),
        ('{"speed": 0}', "speed: Input should be greater than 0"),
        ('{"dropped": [[1]]}', "dropped.0.1: Field required"),
        ('{"crash": {"count": "hours"}}', "crash.after: Field required; crash.count: Input should"),
        ("{", "Invalid JSON"),
        ("[]", "Input should be an object"),
    ],
)
def test_wrong_options_are_one_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
):
    path = tmp_path / "options.json"
    path.write_text(content)
    monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises(EngineUnavailable) as caught:
        Oracle(EngineContext())
    assert str(caught.value).startswith(f"{VARIABLE}: {path} is wrong: ")
    assert message in str(caught.value)


def test_without_options_it_says_how_to_give_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(EngineUnavailable, match=f"name it in {VARIABLE}"):
        Oracle(EngineContext())
    monkeypatch.setenv(VARIABLE, "/nowhere/options.json")
    with pytest.raises(EngineUnavailable, match=r"cannot read /nowhere/options\.json: No such"):
        Oracle(EngineContext())


def test_a_damaged_truth_file_is_named(tmp_path: Path):
    (tmp_path / "bad.truth.json").write_text('{"sha256": "0"}')
    with pytest.raises(EngineUnavailable, match=r"bad\.truth\.json is not a truth file: language"):
        oracle(tmp_path, truth=[tmp_path])
