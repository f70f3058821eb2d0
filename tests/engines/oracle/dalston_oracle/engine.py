"""A Transcriber that knows the truth, for benches, fault tests and load tests.

It finds what was said by the digest of the original audio, so it needs no model and is right
whatever the samples are. Everything it gets wrong, it was told to get wrong (see ``options``).
Nothing that measures accuracy may use it.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from tempfile import NamedTemporaryFile
from typing import NoReturn

from dalston_crds.stage_messages import ExitCode
from dalston_crds.transcript import Segment, Token, Word
from dalston_engines.contract import (
    Audio,
    EngineContext,
    EngineWarning,
    Hypothesis,
    TranscribeOptions,
)
from dalston_engines.errors import EngineUnavailable, InputError, StageError, Terminated
from dalston_oracle.options import read_options
from dalston_oracle.truth import TrueWord, Truth, read_truths

CONFIDENCE = 0.9
LOGPROB = -0.25
ERRORS: dict[int, type[StageError]] = {
    ExitCode.INPUT_WRONG: InputError,
    ExitCode.ENGINE_UNAVAILABLE: EngineUnavailable,
    ExitCode.TERMINATED: Terminated,
}


class Oracle:
    """Says what the truth files say, or less if it was told so."""

    def __init__(self, context: EngineContext) -> None:
        self._options = read_options(os.environ)
        self._truths = read_truths(self._options.truth)
        self._windows = 0
        self._parts = 0
        time.sleep(self._options.load_seconds)

    def transcribe(
        self, windows: Sequence[Audio], options: TranscribeOptions
    ) -> Iterator[Hypothesis]:
        """One hypothesis per window, with one segment per turn of the truth."""
        if not options.recover:
            self._crash_at("parts", self._parts)
            self._parts += 1
        return self._hypotheses(windows, options)

    def _hypotheses(
        self, windows: Sequence[Audio], options: TranscribeOptions
    ) -> Iterator[Hypothesis]:
        warnings = self._warnings(options)
        for window in windows:
            self._crash_at("windows", self._windows)
            self._windows += 1
            self._take_time(window)
            self._note(window, options)
            yield self._heard(window, options.recover, warnings)

    def _heard(
        self, window: Audio, recover: bool, warnings: tuple[EngineWarning, ...]
    ) -> Hypothesis:
        turns = self._turns(window, listening=recover and not self._options.deaf)
        return Hypothesis(
            segments=tuple(self._segment(words, window.start) for words in turns),
            language=self._options.language,
            language_confidence=self._options.language_confidence,
            warnings=warnings,
        )

    def _turns(self, window: Audio, listening: bool) -> Iterator[tuple[TrueWord, ...]]:
        """The words of each turn that it hears in the window."""
        end = window.start + window.duration
        for turn in self._truth(window).turns:
            if window.channel not in (None, turn.channel):
                continue
            words = (word for word in turn.words if window.start <= word.middle < end)
            if heard := tuple(word for word in words if listening or not self._drops(word)):
                yield heard

    def _truth(self, window: Audio) -> Truth:
        truth = self._truths.get(window.source_sha256)
        if truth is None:
            raise InputError(f"the oracle has no truth for audio {window.source_sha256!r}")
        return truth

    def _drops(self, word: TrueWord) -> bool:
        every = self._options.drop_every
        if every is not None and self._windows % every == 0:
            return True
        return any(start <= word.middle < end for start, end in self._options.dropped)

    def _segment(self, words: Sequence[TrueWord], origin: float) -> Segment:
        options = self._options
        return Segment(
            start=words[0].start - origin,
            end=words[-1].end - origin + options.segment_overrun,
            text=" ".join(word.text for word in words),
            words=None if options.no_words else tuple(self._word(item, origin) for item in words),
            tokens=tuple(map(_token, words)) if options.logprobs else None,
        )

    def _word(self, word: TrueWord, origin: float) -> Word:
        return Word(
            text=word.text,
            start=word.start - origin,
            end=word.end - origin,
            confidence=None if self._options.no_confidence else CONFIDENCE,
        )

    def _warnings(self, options: TranscribeOptions) -> tuple[EngineWarning, ...]:
        asked = [EngineWarning(item.reason, item.message) for item in self._options.warnings]
        if options.vocabulary and self._options.fail_vocabulary:
            asked.append(_failed_vocabulary(options.vocabulary))
        return tuple(asked)

    def _take_time(self, window: Audio) -> None:
        if self._options.speed is not None:
            time.sleep(window.duration / self._options.speed)

    def _note(self, window: Audio, options: TranscribeOptions) -> None:
        """One line, in one write, so that the lines of several processes do not mix."""
        if self._options.log is None:
            return
        line = {
            "pid": os.getpid(),
            "start": round(window.start, 3),
            "end": round(window.start + window.duration, 3),
            "channel": window.channel,
            "language": options.language,
            "recover": options.recover,
        }
        with self._options.log.open("ab", buffering=0) as log:
            log.write(json.dumps(line).encode() + b"\n")

    def _crash_at(self, count: str, answered: int) -> None:
        crash = self._options.crash
        if crash is None or crash.count != count or answered < crash.after:
            return
        if crash.once is not None:
            if crash.once.exists():
                return
            crash.once.touch()
        if crash.how == "exit":
            os._exit(crash.exit_code)
        _raise(crash.exit_code)


def _raise(exit_code: int) -> NoReturn:
    raise ERRORS.get(exit_code, StageError)("the oracle was told to fail")


def _token(word: TrueWord) -> Token:
    return Token(text=word.text, logprob=LOGPROB)


def _failed_vocabulary(vocabulary: Sequence[str]) -> EngineWarning:
    """Boosting that goes wrong half-way, as a real one does: with its file already written."""
    with NamedTemporaryFile("w", suffix=".vocabulary") as boosted:
        boosted.write("\n".join(vocabulary))
    message = f"boosting {len(vocabulary)} terms failed; the words were heard without them"
    return EngineWarning("VocabularyFailed", message)
