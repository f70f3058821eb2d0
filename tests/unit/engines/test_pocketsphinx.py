"""The default recogniser on real speech: how right, how timely, and always the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sounds import RATE, sample, truth
from stage_harness import SAMPLES, Stages

from dalston_bench.scoring import word_error_rate, word_time_error
from dalston_bench.truth import Word
from dalston_crds.stage_messages import StageOptions
from dalston_crds.transcript import Transcript
from dalston_engines.contract import Audio, Hypothesis, TranscribeOptions
from dalston_engines.engine_context import EngineContext
from dalston_engines.errors import InputError
from dalston_engines.pocketsphinx.engine import Pocketsphinx

NAMES = ("monologue", "telephone", "long-pauses", "noise", "two-speakers")
PER_CHANNEL: dict[str, Any] = {"tracks": "Channels", "speakers": {"mode": "PerChannel"}}
MOST_ERRORS = 0.02
MOST_SECONDS_OFF = 0.1


@pytest.fixture(scope="module")
def engine() -> Pocketsphinx:
    return Pocketsphinx(EngineContext())


@pytest.fixture(scope="module")
def documents(
    engine: Pocketsphinx, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Transcript]:
    """Every sample through the whole pipeline."""
    return {name: transcribed(tmp_path_factory.mktemp(name), name, engine) for name in NAMES}


def transcribed(folder: Path, name: str, engine: Pocketsphinx) -> Transcript:
    options = StageOptions(**PER_CHANNEL) if name == "two-speakers" else StageOptions()
    return Stages(folder, SAMPLES / f"{name}.wav", options).document(engine)


def timed(document: Transcript) -> list[Word]:
    words = [word for segment in document.segments for word in segment.words or ()]
    return [Word(word.text, word.start, word.end) for word in words]


def hear(engine: Pocketsphinx, *windows: Audio, **options: Any) -> list[Hypothesis]:
    return list(engine.transcribe(windows, TranscribeOptions(**options)))


def texts(found: list[Hypothesis]) -> list[str]:
    return [" ".join(segment.text for segment in hypothesis.segments) for hypothesis in found]


def opening(name: str, turn: int) -> Audio:
    """The first words of a turn, about a second of them."""
    words = truth(name).turns[turn].words
    end = next(word.end for word in words if word.end > words[0].start + 1.0)
    return Audio(sample(name)).cut(words[0].start - 0.2, end + 0.1)


def test_of_fifty_words_at_most_one_is_wrong(documents: dict[str, Transcript]):
    errors = [word_error_rate(truth(name).text(), documents[name].text) for name in NAMES]
    wrong = sum(item.substitutions + item.deletions + item.insertions for item in errors)
    assert wrong <= MOST_ERRORS * sum(item.words for item in errors)
    assert all(item.rate <= MOST_ERRORS for item in errors)


@pytest.mark.parametrize("name", NAMES)
def test_words_are_where_they_were_said(documents: dict[str, Transcript], name: str):
    off = word_time_error(truth(name).words(), timed(documents[name]))
    assert off.matched >= 0.95 * len(truth(name).words())
    assert off.start_mean <= MOST_SECONDS_OFF / 2
    assert off.end_mean <= MOST_SECONDS_OFF / 2
    assert off.start_p95 <= MOST_SECONDS_OFF


@pytest.mark.parametrize("name", NAMES)
def test_clear_speech_needs_no_warning(documents: dict[str, Transcript], name: str):
    facts = documents[name].metadata
    assert facts.pipeline_warnings == ()
    assert facts.gap_seconds == facts.unexplained_loud_seconds == 0
    assert (facts.language, facts.language_source) == ("en", "engine")


def test_each_speaker_is_heard_on_their_own_channel(documents: dict[str, Transcript]):
    known = truth("two-speakers")
    for channel in (0, 1):
        own = [s.text for s in documents["two-speakers"].segments if s.channel == channel]
        assert " ".join(own) == known.channel_text(channel)


def test_the_words_of_a_window_do_not_depend_on_what_was_heard_before(engine: Pocketsphinx):
    noise = np.random.default_rng(2).normal(0, 0.3, RATE).astype(np.float32)
    windows = [opening("monologue", 0), Audio(noise), opening("long-pauses", 2)]
    forwards = hear(engine, *windows)
    assert hear(engine, *reversed(windows)) == forwards[::-1]


def test_a_second_look_hears_the_same_words(engine: Pocketsphinx):
    clear = opening("long-pauses", 0)
    assert texts(hear(engine, clear, recover=True)) == texts(hear(engine, clear))


def test_confidence_is_a_probability(documents: dict[str, Transcript]):
    for document in documents.values():
        for segment in document.segments:
            for word in segment.words or ():
                assert word.confidence is not None
                assert 0 <= word.confidence <= 1


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5])
def test_quiet_noise_has_no_words(engine: Pocketsphinx, seconds: float):
    noise = np.random.default_rng(1).normal(0, 0.002, round(seconds * RATE))
    assert hear(engine, Audio(noise.astype(np.float32)))[0].segments == ()


def test_words_are_inside_their_window(engine: Pocketsphinx):
    said = truth("monologue").turns[0]
    for end in np.arange(said.start + 0.3, said.end, 1.2):
        piece = Audio(sample("monologue")).cut(said.start, float(end))
        (found,) = hear(engine, piece)
        words = [word for segment in found.segments for word in segment.words or ()]
        assert all(0 <= word.start < word.end for word in words)
        assert all(word.end <= piece.duration + 0.03 for word in words)


def test_another_language_is_refused(engine: Pocketsphinx):
    with pytest.raises(InputError, match="pocketsphinx knows English only, not 'fr'"):
        hear(engine, opening("monologue", 0), language="fr")


@pytest.mark.parametrize("language", ["en-US", "en-GB"])
def test_english_by_any_name_is_heard(engine: Pocketsphinx, language: str):
    (found,) = hear(engine, opening("monologue", 0), language=language)
    assert found.segments[0].text.startswith("the weather")


def test_a_vocabulary_is_ignored_with_a_warning(engine: Pocketsphinx):
    (found,) = hear(engine, opening("monologue", 0), vocabulary=("Dalston",))
    assert [warning.reason for warning in found.warnings] == ["VocabularyIgnored"]


def test_loud_input_does_not_overflow(engine: Pocketsphinx):
    loud = Audio(4 * sample("monologue")[: 4 * RATE])
    assert "weather" in hear(engine, loud)[0].segments[0].text
