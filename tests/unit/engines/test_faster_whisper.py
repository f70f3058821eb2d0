"""The faster-whisper engine, on a model of random weights: the code path, never accuracy."""

import json
import shutil
import socket
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import random_whisper
import yaml

from dalston_crds.v1alpha1 import DeviceType, Engine, EngineModel, Task, Timestamps
from dalston_engines.contract import SAMPLE_RATE, Audio, EngineContext, TranscribeOptions
from dalston_engines.errors import EngineUnavailable, InputError
from dalston_engines.faster_whisper.engine import PROMPT_TOKENS, FasterWhisper
from dalston_engines.weights import find_weights

Calls = list[dict[str, Any]]
FRENCH = TranscribeOptions(language="fr")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_whisper.build(tmp_path_factory.mktemp("weights") / "random")


@pytest.fixture(scope="module")
def engine(weights: Path) -> FasterWhisper:
    return FasterWhisper(EngineContext(model="random", weights=weights, threads=2))


@pytest.fixture
def asked(engine: FasterWhisper, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What faster-whisper is asked for, call by call."""
    calls: list[dict[str, Any]] = []
    transcribe = engine._model.transcribe

    def listen(samples: Any, **settings: Any) -> Any:
        calls.append(settings)
        return transcribe(samples, **settings)

    monkeypatch.setattr(engine._model, "transcribe", listen)
    return calls


def noise(seconds: float, start: float = 0.0) -> Audio:
    size = round(seconds * SAMPLE_RATE)
    samples = np.random.default_rng(7).standard_normal(size, dtype=np.float32)
    return Audio(samples / np.float32(10), start)


def manifest() -> Engine:
    text = files("dalston_engines.faster_whisper").joinpath("engine.yaml").read_text()
    return Engine.model_validate(yaml.safe_load(text))


def model(name: str) -> EngineModel:
    return next(model for model in manifest().spec.models if model.name == name)


def incomplete(weights: Path, folder: Path, missing: str) -> Path:
    shutil.copytree(weights, folder)
    (folder / missing).unlink()
    return folder


def test_one_hypothesis_per_window_in_order(engine: FasterWhisper):
    windows = [noise(5, start=60), noise(0), noise(0.01), noise(12)]
    heard = list(engine.transcribe(windows, FRENCH))
    assert len(heard) == len(windows)
    assert heard[0].segments
    assert not heard[1].segments
    assert heard[3].segments


@pytest.mark.parametrize("seconds", [0.3, 3.21, 29.99, 41.0])
def test_times_are_inside_the_window(engine: FasterWhisper, seconds: float):
    (heard,) = engine.transcribe([noise(seconds, start=100)], FRENCH)
    for segment in heard.segments:
        assert 0 <= segment.start <= segment.end <= seconds
        for word in segment.words or ():
            assert 0 <= word.start <= word.end <= seconds


def test_what_a_segment_carries(engine: FasterWhisper):
    (heard,) = engine.transcribe([noise(5)], FRENCH)
    segment = heard.segments[0]
    assert segment.text == segment.text.strip() != ""
    assert segment.temperature == 0
    assert (segment.avg_logprob or 0) < 0
    assert (segment.compression_ratio or 0) > 0
    assert 0 <= (segment.no_speech_prob or 0) <= 1
    assert segment.words
    for word in segment.words:
        assert word.text == word.text.strip() != ""
        assert 0 < (word.confidence or 0) <= 1


def test_what_the_model_does_not_give_is_absent(engine: FasterWhisper):
    (heard,) = engine.transcribe([noise(5)], FRENCH)
    segment = heard.segments[0]
    absent = segment.tokens, segment.confidence, segment.speaker, segment.language
    assert absent == (None, None, None, None)


@pytest.mark.parametrize("timestamps", Timestamps)
def test_words_only_when_asked(engine: FasterWhisper, timestamps: Timestamps):
    options = TranscribeOptions(language="fr", timestamps=timestamps)
    (heard,) = engine.transcribe([noise(5)], options)
    wanted = timestamps in (Timestamps.WORD, Timestamps.CHARACTER)
    assert heard.segments
    assert all((segment.words is not None) is wanted for segment in heard.segments)


def test_a_language_is_told_when_none_was_requested(engine: FasterWhisper):
    (heard,) = engine.transcribe([noise(5)], TranscribeOptions())
    assert heard.language in manifest().spec.languages
    assert 0 < (heard.language_confidence or 0) < 1


def test_a_requested_language_is_not_told_back(engine: FasterWhisper):
    (heard,) = engine.transcribe([noise(5)], FRENCH)
    assert (heard.language, heard.language_confidence) == (None, None)


@pytest.mark.parametrize(
    ("requested", "passed"), [(None, None), ("fr", "fr"), ("en-US", "en"), ("haw", "haw")]
)
def test_the_language_is_passed_on(
    engine: FasterWhisper, asked: Calls, requested: str | None, passed: str | None
):
    list(engine.transcribe([noise(1)], TranscribeOptions(language=requested)))
    assert asked[0]["language"] == passed


@pytest.mark.parametrize("language", ["tlh", "yue", "xx-XX"])
def test_a_language_the_model_does_not_know_is_refused(engine: FasterWhisper, language: str):
    with pytest.raises(InputError, match=f"model random does not know '{language}'; it knows af"):
        engine.transcribe([noise(1)], TranscribeOptions(language=language))


def test_vocabulary_prompt_and_task_are_passed_on(engine: FasterWhisper, asked: Calls):
    options = TranscribeOptions(
        language="fr",
        task=Task.TRANSLATE,
        vocabulary=("Dalston", "Kingsland Road"),
        prompt="Minutes",
        temperature=0.5,
    )
    (heard,) = engine.transcribe([noise(1)], options)
    (call,) = asked
    assert call["task"] == "translate"
    assert call["hotwords"] == "Dalston, Kingsland Road"
    assert len(call["initial_prompt"]) == len(" Minutes")
    assert call["temperature"] == 0.5
    assert call["condition_on_previous_text"] is call["vad_filter"] is False
    assert heard.warnings == ()


def test_nothing_asked_is_nothing_passed(engine: FasterWhisper, asked: Calls):
    list(engine.transcribe([noise(1)], TranscribeOptions(language="fr", prompt="  ")))
    (call,) = asked
    assert call["hotwords"] is call["initial_prompt"] is None


def test_a_long_vocabulary_is_cut_and_the_reader_told(engine: FasterWhisper, asked: Calls):
    terms = tuple(f"{number:050}" for number in range(10))
    options = TranscribeOptions(language="fr", vocabulary=terms, prompt="x" * 100)
    (heard,) = engine.transcribe([noise(1)], options)
    (call,) = asked
    assert call["hotwords"] == ", ".join(terms[:4])
    assert len(call["hotwords"]) + 1 + len(call["initial_prompt"]) <= PROMPT_TOKENS
    assert [warning.reason for warning in heard.warnings] == ["VocabularyCut", "PromptCut"]
    assert "the last 6 terms" in heard.warnings[0].message


def test_the_end_of_a_long_prompt_is_kept(engine: FasterWhisper, asked: Calls):
    options = TranscribeOptions(language="fr", prompt="a" * 500 + "z" * PROMPT_TOKENS)
    (heard,) = engine.transcribe([noise(1)], options)
    (call,) = asked
    assert len(call["initial_prompt"]) == PROMPT_TOKENS
    assert len(set(call["initial_prompt"])) == 1
    assert [warning.reason for warning in heard.warnings] == ["PromptCut"]


def test_a_second_look_searches_wider(engine: FasterWhisper, asked: Calls):
    options = TranscribeOptions(language="fr", temperature=0.3, recover=True)
    list(engine.transcribe([noise(1)], options))
    (call,) = asked
    assert call["beam_size"] == 10
    assert call["temperature"] == [0.4, 0.6, 0.8, 1.0]
    assert call["no_speech_threshold"] is None


def test_words_that_cannot_be_timed_are_kept(
    engine: FasterWhisper, monkeypatch: pytest.MonkeyPatch
):
    transcribe = engine._model.transcribe

    def stumble(samples: Any, **settings: Any) -> Any:
        if settings["word_timestamps"]:
            raise IndexError
        return transcribe(samples, **settings)

    monkeypatch.setattr(engine._model, "transcribe", stumble)
    (heard,) = engine.transcribe([noise(5)], FRENCH)
    assert [warning.reason for warning in heard.warnings] == ["WordTimesMissing"]
    assert heard.segments
    assert heard.segments[0].words is None


def test_turbo_refuses_to_translate(weights: Path):
    turbo = FasterWhisper(EngineContext(model="large-v3-turbo", weights=weights))
    with pytest.raises(InputError, match="large-v3-turbo cannot translate"):
        turbo.transcribe([noise(1)], TranscribeOptions(task=Task.TRANSLATE))


def test_no_network_is_attempted(weights: Path, monkeypatch: pytest.MonkeyPatch):
    attempts: list[object] = []

    def refuse(*address: object) -> None:
        attempts.append(address)
        raise OSError("no network in this test")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    loaded = FasterWhisper(EngineContext(weights=weights))
    list(loaded.transcribe([noise(1)], TranscribeOptions()))
    assert attempts == []


def test_missing_weights_name_repository_and_files(tmp_path: Path):
    with pytest.raises(EngineUnavailable) as caught:
        find_weights("faster-whisper", model("base"), [tmp_path], tmp_path / "hub")
    message = str(caught.value)
    assert "Systran/faster-whisper-base " in message
    assert "config.json, model.bin, tokenizer.json, vocabulary.txt" in message
    assert f"{tmp_path}/faster-whisper/base/" in message


def test_no_folder_of_weights_is_unavailable():
    with pytest.raises(EngineUnavailable, match="model base of engine faster-whisper was given no"):
        FasterWhisper(EngineContext(model="base"))


@pytest.mark.parametrize("missing", ["config.json", "model.bin", "tokenizer.json"])
def test_an_incomplete_folder_is_unavailable(weights: Path, tmp_path: Path, missing: str):
    folder = incomplete(weights, tmp_path / "model", missing)
    with pytest.raises(EngineUnavailable, match=f"needs {missing} in {folder}"):
        FasterWhisper(EngineContext(model="base", weights=folder))


def test_a_missing_vocabulary_is_unavailable(weights: Path, tmp_path: Path):
    folder = incomplete(weights, tmp_path / "model", "vocabulary.json")
    with pytest.raises(EngineUnavailable, match=f"cannot load {folder} on a Cpu"):
        FasterWhisper(EngineContext(weights=folder))


@pytest.mark.parametrize("damaged", ["model.bin", "tokenizer.json"])
def test_a_damaged_file_is_unavailable(weights: Path, tmp_path: Path, damaged: str):
    folder = shutil.copytree(weights, tmp_path / "model")
    (folder / damaged).write_bytes(b"not this")
    with pytest.raises(EngineUnavailable, match="cannot load"):
        FasterWhisper(EngineContext(weights=folder))


def test_mel_bands_that_do_not_fit_are_unavailable(weights: Path, tmp_path: Path):
    folder = shutil.copytree(weights, tmp_path / "model")
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
    with pytest.raises(EngineUnavailable, match="needs 80 mel bands, not 128"):
        FasterWhisper(EngineContext(weights=folder))


def test_a_missing_gpu_is_unavailable(weights: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(EngineUnavailable, match="on a Gpu"):
        FasterWhisper(EngineContext(weights=weights, device=DeviceType.GPU))


def test_the_manifest_knows_the_languages_of_the_models(engine: FasterWhisper):
    everything = set(manifest().spec.languages)
    assert everything == set(engine._model.supported_languages)
    for found in manifest().spec.models:
        assert set(found.languages) in ({"en"}, everything - {"yue"}, set())


def test_the_manifest_orders_its_models_by_quality():
    models = manifest().spec.models
    qualities = [model.quality for model in models]
    assert qualities == sorted(set(qualities))
    assert all(model.weights.repository and model.weights.files for model in models)
