"""PocketSphinx with the US English model its wheel carries: the default where nothing is installed.

Each window is one utterance with its own cepstral mean, so its words do not depend on what was
decoded before. Confidence is the word's posterior probability in the lattice. Times come in
frames of 10 ms.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from pocketsphinx import Decoder

from dalston_crds.transcript import Segment, Word
from dalston_engines.contract import (
    Audio,
    EngineContext,
    EngineWarning,
    Hypothesis,
    TranscribeOptions,
)
from dalston_engines.errors import InputError

FRAMES_PER_SECOND = 100
FILLERS = ("<", "[", "+")
SHORTEST_SECONDS = 0.1
WIDE_SEARCH = {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80, "maxhmmpf": -1, "lw": 5.0}
"""Settings of the second look: beams wide enough to keep what the first search pruned."""


class Pocketsphinx:
    """A Transcriber for US English."""

    def __init__(self, context: EngineContext) -> None:
        self._decoder = _decoder({})
        self._wide: Decoder | None = None

    def transcribe(
        self, windows: Sequence[Audio], options: TranscribeOptions
    ) -> Iterator[Hypothesis]:
        """One hypothesis of at most one segment per window."""
        if options.language is not None and options.language.split("-")[0] != "en":
            raise InputError(f"pocketsphinx knows English only, not {options.language!r}")
        warnings = _warnings(options)
        decoder = self._wide_decoder() if options.recover else self._decoder
        for window in windows:
            words = _words(decoder, window)
            yield Hypothesis(_segments(words), language="en", warnings=warnings)

    def _wide_decoder(self) -> Decoder:
        if self._wide is None:
            self._wide = _decoder(WIDE_SEARCH)
        return self._wide


def _decoder(settings: dict[str, float]) -> Decoder:
    return Decoder(samprate=16000, loglevel="FATAL", **settings)


def _warnings(options: TranscribeOptions) -> tuple[EngineWarning, ...]:
    if not options.vocabulary:
        return ()
    message = "pocketsphinx cannot favour a vocabulary; the words were heard without it"
    return (EngineWarning("VocabularyIgnored", message),)


def _words(decoder: Decoder, window: Audio) -> tuple[Word, ...]:
    if window.duration < SHORTEST_SECONDS:
        return ()
    pcm = np.clip(window.samples * 32_768, -32_768, 32_767).astype(np.int16)
    decoder.reinit_feat()  # else the cepstral mean of earlier windows moves words by a frame
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()
    exp = decoder.logmath.exp
    return tuple(
        Word(
            text=found.word.partition("(")[0],
            start=found.start_frame / FRAMES_PER_SECOND,
            end=(found.end_frame + 1) / FRAMES_PER_SECOND,
            confidence=round(min(1.0, exp(found.prob)), 4),
        )
        for found in decoder.seg() or ()
        if not found.word.startswith(FILLERS)
    )


def _segments(words: tuple[Word, ...]) -> tuple[Segment, ...]:
    if not words:
        return ()
    text = " ".join(word.text for word in words)
    return (Segment(start=words[0].start, end=words[-1].end, text=text, words=words),)
