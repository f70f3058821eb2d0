"""Speech to words by faster-whisper: Whisper models run by CTranslate2, one window at a time.

Nothing here reaches for the network: a folder that lacks a file is refused before faster-whisper
could look for it elsewhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import faster_whisper
import numpy as np

from dalston_crds.transcript import Segment, Word
from dalston_crds.v1alpha1 import DeviceType, Task, Timestamps
from dalston_engines.contract import (
    Audio,
    EngineContext,
    EngineWarning,
    Hypothesis,
    Samples,
    TranscribeOptions,
)
from dalston_engines.errors import EngineUnavailable, InputError

NEEDED_FILES = ("config.json", "model.bin", "tokenizer.json")
PROMPT_TOKENS = 223
"""Most tokens Whisper takes ahead of the text; more would leave too few for the text itself."""
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Tried in turn on a second look, until the text is neither repetitive nor improbable."""
BEAM_SIZE = 5
RECOVERY_BEAM_SIZE = 10
NOT_TRANSLATING = frozenset({"large-v3-turbo"})
"""Models that answer a request to translate with the spoken language."""
POSITION_SAMPLES = 320
"""Samples of one position of the encoder, 20 ms."""
UNTIMED = EngineWarning("WordTimesMissing", "faster-whisper could not time the words of a window")


class FasterWhisper:
    """A loaded Whisper model: int8 on a CPU, float16 on a GPU."""

    def __init__(self, context: EngineContext) -> None:
        """Load the weights; raises EngineUnavailable when they or the device cannot be used."""
        self._name = context.model or "whisper"
        self._model = _load(_weights(context), context)
        self._languages = _languages(self._model)

    def transcribe(
        self, windows: Sequence[Audio], options: TranscribeOptions
    ) -> Iterator[Hypothesis]:
        """One hypothesis per window, in order; raises InputError at once for wrong options."""
        if options.task is Task.TRANSLATE and self._name in NOT_TRANSLATING:
            raise InputError(f"model {self._name} cannot translate: choose another model")
        language = self._language(options.language)
        lead = _lead(self._model, options)
        settings = {"language": language, **_lead_settings(lead), **_settings(options)}
        return (self._hear(window, settings, lead.warnings) for window in windows)

    def _language(self, requested: str | None) -> str | None:
        """Whisper's code of a BCP 47 language: its primary subtag."""
        if requested is None:
            return None
        code = requested.partition("-")[0].lower()
        if code not in self._languages:
            known = ", ".join(sorted(self._languages))
            raise InputError(f"model {self._name} does not know {requested!r}; it knows {known}")
        return code

    def _hear(
        self, window: Audio, settings: dict[str, Any], warnings: tuple[EngineWarning, ...]
    ) -> Hypothesis:
        if len(window.samples) == 0:
            return Hypothesis(warnings=warnings)
        samples = _even(window.samples)
        try:
            heard, info = self._decode(samples, settings)
        # faster-whisper 1.2.1 cannot time words in a rest of 10 ms, its pull request 1460.
        except IndexError:
            heard, info = self._decode(samples, settings | {"word_timestamps": False})
            warnings = (*warnings, UNTIMED)
        segments = tuple(_segment(segment, window.duration) for segment in heard)
        if info.all_language_probs is None:
            return Hypothesis(segments, warnings=warnings)
        return Hypothesis(segments, info.language, float(info.language_probability), warnings)

    def _decode(self, samples: Samples, settings: dict[str, Any]) -> tuple[list[Any], Any]:
        heard, info = self._model.transcribe(samples, **settings)
        return list(heard), info


@dataclass(frozen=True)
class _Lead:
    """What Whisper reads ahead of the text: vocabulary, then the prompt's tokens."""

    hotwords: str
    prompt: tuple[int, ...]
    warnings: tuple[EngineWarning, ...]


def _weights(context: EngineContext) -> Path:
    """The folder of weights, with every file that faster-whisper would miss in it."""
    name = f"model {context.model or '(unnamed)'} of engine faster-whisper"
    if context.weights is None:
        raise EngineUnavailable(f"{name} was given no folder of weights, and has none of its own")
    missing = [file for file in NEEDED_FILES if not (context.weights / file).is_file()]
    if missing:
        raise EngineUnavailable(f"{name} needs {', '.join(missing)} in {context.weights}")
    return context.weights


def _load(weights: Path, context: EngineContext) -> Any:
    gpu = context.device is DeviceType.GPU
    try:
        model = faster_whisper.WhisperModel(
            str(weights),
            device="cuda" if gpu else "cpu",
            compute_type="float16" if gpu else "int8",
            cpu_threads=context.threads,
            local_files_only=True,
        )
    # CTranslate2 and tokenizers raise plain errors for a damaged file and for a missing GPU.
    except Exception as error:
        reason = f"cannot load {weights} on a {context.device.value}: {error}"
        raise EngineUnavailable(f"faster-whisper {reason}") from error
    _check_mels(model, weights)
    return model


def _check_mels(model: Any, weights: Path) -> None:
    """faster-whisper assumes 80 mel bands where preprocessor_config.json is missing."""
    wanted, made = model.model.n_mels, len(model.feature_extractor.mel_filters)
    if wanted != made:
        reason = f"needs {wanted} mel bands, not {made}: put its preprocessor_config.json beside it"
        raise EngineUnavailable(f"the model in {weights} {reason}")


def _languages(model: Any) -> frozenset[str]:
    """Codes of the languages the model knows: only newer vocabularies have Cantonese."""
    if not model.model.is_multilingual:
        return frozenset({"en"})
    find = model.hf_tokenizer.token_to_id
    return frozenset(code for code in model.supported_languages if find(f"<|{code}|>") is not None)


def _settings(options: TranscribeOptions) -> dict[str, Any]:
    """Arguments of faster-whisper, but for language, vocabulary and prompt."""
    settings: dict[str, Any] = {
        "task": options.task.value.lower(),
        "word_timestamps": options.timestamps.fineness >= Timestamps.WORD.fineness,
        "condition_on_previous_text": False,
        "vad_filter": False,
        "beam_size": BEAM_SIZE,
        "temperature": options.temperature,
    }
    return settings | _recovery(options.temperature) if options.recover else settings


def _recovery(lowest: float) -> dict[str, Any]:
    """Settings for speech a first look left without words: it is not silence."""
    return {
        "beam_size": RECOVERY_BEAM_SIZE,
        "temperature": [step for step in TEMPERATURES if step >= lowest],
        "no_speech_threshold": None,
    }


def _lead(model: Any, options: TranscribeOptions) -> _Lead:
    """Vocabulary first, then as much of the prompt's end as there is room for."""
    terms = options.vocabulary
    sizes = list(accumulate(len(_tokens(model, f"{term},")) for term in terms))
    kept = sum(size <= PROMPT_TOKENS for size in sizes)
    room = PROMPT_TOKENS - (sizes[kept - 1] if kept else 0)
    prompt = _tokens(model, options.prompt)
    cut = max(0, len(prompt) - room)
    warnings = _cuts(len(terms) - kept, cut)
    return _Lead(", ".join(terms[:kept]), tuple(prompt[cut:]), warnings)


def _lead_settings(lead: _Lead) -> dict[str, Any]:
    return {"hotwords": lead.hotwords or None, "initial_prompt": list(lead.prompt) or None}


def _tokens(model: Any, text: str) -> list[int]:
    """Token ids of a text in mid-sentence, as faster-whisper would write it."""
    if not text.strip():
        return []
    ids: list[int] = model.hf_tokenizer.encode(f" {text.strip()}", add_special_tokens=False).ids
    return ids


def _cuts(terms: int, tokens: int) -> tuple[EngineWarning, ...]:
    limit = f"Whisper takes {PROMPT_TOKENS} tokens of vocabulary and prompt"
    cuts = []
    if terms:
        message = f"{limit}: the last {terms} terms of the vocabulary were left out"
        cuts.append(EngineWarning("VocabularyCut", message))
    if tokens:
        message = f"{limit}: the first {tokens} tokens of the prompt were left out"
        cuts.append(EngineWarning("PromptCut", message))
    return tuple(cuts)


def _segment(heard: Any, duration: float) -> Segment:
    """A segment whose times, in seconds, stay inside a window: Whisper's may pass its end."""
    words = None
    if heard.words is not None:
        words = tuple(_word(word, duration) for word in heard.words if word.word.strip())
    start = _inside(heard.start, duration)
    return Segment(
        start=start,
        end=max(start, _inside(heard.end, duration)),
        text=heard.text.strip(),
        words=words,
        temperature=heard.temperature,
        avg_logprob=heard.avg_logprob,
        compression_ratio=heard.compression_ratio,
        no_speech_prob=heard.no_speech_prob,
    )


def _word(heard: Any, duration: float) -> Word:
    start = _inside(heard.start, duration)
    end = max(start, _inside(heard.end, duration))
    text = heard.word.strip()
    return Word(text=text, start=start, end=end, confidence=float(heard.probability))


def _even(samples: Samples) -> Samples:
    """Samples with silence up to a whole position, so that no rest of 10 ms is left to time."""
    return np.pad(samples, (0, -len(samples) % POSITION_SAMPLES))


def _inside(time: float, duration: float) -> float:
    return float(min(max(time, 0.0), duration))
