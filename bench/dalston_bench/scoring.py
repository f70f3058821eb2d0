"""Scores a transcript against the truth: word errors, and how far off the word times are.

Both sides are made alike first (see `normalise`), so neither case nor punctuation counts.
"""

import math
import re
import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer

from dalston_bench.truth import Word

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'"})
_NOT_IN_WORDS = re.compile(r"[^\w']|_")
_OUTER_APOSTROPHE = re.compile(r"(?<!\w)'|'(?!\w)")


@dataclass(frozen=True)
class WordErrors:
    """Word error counts; `words` counts the reference, `rate` is errors per reference word."""

    rate: float
    substitutions: int
    deletions: int
    insertions: int
    hits: int
    words: int


@dataclass(frozen=True)
class TimeErrors:
    """Absolute errors in seconds over the matched words; NaN when no word matched.

    NaN fails every comparison, so a limit on an error does not pass for want of words.
    """

    start_mean: float
    end_mean: float
    start_p95: float
    end_p95: float
    matched: int


def normalise(text: str) -> str:
    """Lower-cases and removes punctuation, except apostrophes within words: don't is one word."""
    plain = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    spaced = _OUTER_APOSTROPHE.sub(" ", _NOT_IN_WORDS.sub(" ", plain))
    return " ".join(spaced.split())


def word_error_rate(reference: str, hypothesis: str) -> WordErrors:
    """Counts the word errors of `hypothesis`.

    With an empty reference the rate is 0.0 when nothing was heard and 1.0 otherwise.
    """
    aligned = jiwer.process_words(normalise(reference), normalise(hypothesis))
    words = aligned.hits + aligned.substitutions + aligned.deletions
    errors = aligned.substitutions + aligned.deletions + aligned.insertions
    return WordErrors(
        rate=errors / words if words else float(errors > 0),
        substitutions=aligned.substitutions,
        deletions=aligned.deletions,
        insertions=aligned.insertions,
        hits=aligned.hits,
        words=words,
    )


def word_time_error(reference: Sequence[Word], hypothesis: Sequence[Word]) -> TimeErrors:
    """Compares the times of the words that both sides have, paired by least word errors."""
    pairs = _matched(reference, hypothesis)
    starts = [abs(heard.start - said.start) for said, heard in pairs]
    ends = [abs(heard.end - said.end) for said, heard in pairs]
    return TimeErrors(
        start_mean=_mean(starts),
        end_mean=_mean(ends),
        start_p95=_percentile_95(starts),
        end_p95=_percentile_95(ends),
        matched=len(pairs),
    )


def _matched(reference: Sequence[Word], hypothesis: Sequence[Word]) -> list[tuple[Word, Word]]:
    said, heard = _tokens(reference), _tokens(hypothesis)
    aligned = jiwer.process_words(
        " ".join(token for token, _ in said), " ".join(token for token, _ in heard)
    )
    return [
        (said[chunk.ref_start_idx + i][1], heard[chunk.hyp_start_idx + i][1])
        for chunk in aligned.alignments[0]
        if chunk.type == "equal"
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]


def _tokens(words: Sequence[Word]) -> list[tuple[str, Word]]:
    # One token per timed word keeps the aligner's indices ours: a hyphen must not split it, and
    # a word of punctuation only must not stand as an empty one.
    joined = ((normalise(word.text).replace(" ", ""), word) for word in words)
    return [(token, word) for token, word in joined if token]


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def _percentile_95(values: Sequence[float]) -> float:
    """The nearest-rank percentile: a value that occurred, at or above 95 % of them."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else math.nan
