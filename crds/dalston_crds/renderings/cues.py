"""Cut a transcript into caption cues: what is on the screen, and when. Times in milliseconds.

Segments become stretches (one speaker, one channel), stretches become units (pieces of text that
are never broken, with their times), and units are gathered into cues. What a segment's text says
is shown in full, always; words only tell when. Of a redacted document the redacted text is shown,
and its words, which still hold what was taken out, are not looked at.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import accumulate, groupby, pairwise

from dalston_crds.transcript import Segment, Transcript, Word

LONGEST_CUE = 7000
PAUSE = 700
# Characters within which a word is looked for where words and text differ.
LOOK_AHEAD = 40
# What a good place to break is worth: the share of a full cue that may stay unused for it.
NATURAL_BREAK, CLAUSE_BREAK = 0.5, 0.2

_IDEOGRAPHS = (
    r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_WIDE_MARKS = r"\u3000-\u303f\uff01-\uff65"
_SOUTH_EAST_ASIAN = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_OPENING = r"\u3008\u300a\u300c\u300e\u3010\u3014\uff08\uff5b"
_CLOSING = (
    r"\u3001\u3002\u3005\u3009\u300b\u300d\u300f\u3011\u3015\u309d\u309e\u30fb\u30fc\uff01\uff09"
    r"\uff0c\uff0e\uff1a\uff1b\uff1f\uff5d\u2019\u201d\u2026,.!?;:%)"
    r"ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
)
_QUOTES = r"[\"'\u2019\u201d\u00bb)\]\u300d\u300f\uff09]*"

_GAP = re.compile(r"(?:[^\S\u00a0\u202f]|[\x00-\x1f\x7f-\x9f])+")
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?")
_UNIT = re.compile(
    rf"(?:[{_OPENING}]*(?:[{_IDEOGRAPHS}][{_CLOSING}]*|[^ {_IDEOGRAPHS}{_OPENING}]+)"
    rf"|[{_OPENING}]+) *"
)
_WIDE = re.compile(f"[{_IDEOGRAPHS}{_WIDE_MARKS}]")
_UNSPACED = re.compile(f"[{_IDEOGRAPHS}{_WIDE_MARKS}{_SOUTH_EAST_ASIAN}]")
_SENTENCE = re.compile(rf"[.?!\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f]{_QUOTES} ?$")
_CLAUSE = re.compile(rf"[,;:\u2013\u2014\u060c\u061b\u3001\uff0c\uff1a\uff1b]{_QUOTES} ?$")


@dataclass(frozen=True)
class RenderOptions:
    """How a rendering looks: line length in characters (10 to 200), lines per cue (1 to 10)."""

    speakers: bool = True
    max_line_length: int = 42
    max_lines: int = 2

    def __post_init__(self) -> None:
        if not 10 <= self.max_line_length <= 200:
            raise ValueError("max_line_length must be from 10 to 200")
        if not 1 <= self.max_lines <= 10:
            raise ValueError("max_lines must be from 1 to 10")


@dataclass(frozen=True)
class Unit:
    """Text that is never broken, with the space that follows it; times in milliseconds."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Stretch:
    """What one speaker says without a break in the segment of this id; ``speaker`` is a label."""

    segment: str
    speaker: str | None
    channel: int | None
    units: tuple[Unit, ...]

    @property
    def text(self) -> str:
        """All of it in one line."""
        return "".join(unit.text for unit in self.units).strip()


@dataclass(frozen=True)
class Cue:
    """One caption from start to end (milliseconds, end after start); ``speaker`` is a label."""

    start: int
    end: int
    lines: tuple[str, ...]
    speaker: str | None
    channel: int | None


@dataclass(frozen=True)
class _Span:
    """Text whose start and end (milliseconds) are known; ``speaker`` is an id."""

    text: str
    start: int
    end: int
    speaker: str | None
    channel: int | None


@dataclass
class _Track:
    """What one channel still has to show: (start, number, stretch) in a heap."""

    waiting: list[tuple[int, int, Stretch]] = field(default_factory=list)
    floor: int = 0

    def push(self, number: int, stretch: Stretch) -> None:
        """Let what is left of a stretch wait, if anything is."""
        if stretch.units:
            heappush(self.waiting, (stretch.units[0].start, number, stretch))

    def due(self) -> tuple[int, int]:
        """When the next stretch starts, in milliseconds, and its number."""
        start, number, _ = self.waiting[0]
        return max(start, self.floor), number

    def pop(self) -> tuple[int, int, Stretch]:
        """Take the next stretch; whatever comes later starts later, by 1 ms at least."""
        start, number = self.due()
        self.floor = start + 1
        return start, number, heappop(self.waiting)[2]


def cues(document: Transcript, options: RenderOptions, labelled: bool = False) -> tuple[Cue, ...]:
    """The captions in order of their starts; those of one channel never overlap.

    With *labelled* the text starts with ``Label: `` where the speaker is not the one of the cue
    before; such a cue may have too many lines when its label leaves no room for one unit.
    """
    tracks: defaultdict[int | None, _Track] = defaultdict(_Track)
    for number, stretch in enumerate(stretches(document)):
        tracks[stretch.channel].push(number, stretch)
    made: list[Cue] = []
    while live := [track for track in tracks.values() if track.waiting]:
        track = min(live, key=_Track.due)
        start, number, stretch = track.pop()
        label = _label(stretch, made) if labelled else []
        count = _cut(stretch.units, label, options)
        shown = replace(stretch, units=stretch.units[:count])
        made.append(_cue(start, shown, label, options))
        track.push(number, replace(stretch, units=stretch.units[count:]))
    return _apart(made)


def stretches(document: Transcript) -> Iterator[Stretch]:
    """What is said, in the document's order; none is empty."""
    redacted = document.redacted_text is not None or any(
        segment.redacted_text is not None for segment in document.segments
    )
    for segment in document.segments:
        for (speaker, channel), run in groupby(_spans(segment, redacted), key=_voice):
            label = clean(document.speaker_label(speaker) or "") or None
            units = tuple(unit for span in run for unit in _units(span))
            yield Stretch(segment.id, label, channel, units)


def clean(text: str) -> str:
    """The text in one line: runs of white space and control characters become one space."""
    return " ".join(filter(None, (part.strip() for part in _GAP.split(text))))


def separator(left: str, right: str) -> str:
    """What stands between two texts: a space, or nothing in scripts that have none."""
    return "" if _WIDE.match(left[-1:]) and _WIDE.match(right[:1]) else " "


def ends_sentence(text: str) -> bool:
    """Whether the text ends with a sentence's punctuation."""
    return _SENTENCE.search(text) is not None


def timestamp(milliseconds: int, point: str) -> str:
    """HH:MM:SS, *point* and thousandths; hours may have more than two digits."""
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{thousandths:03}"


def wrap(units: Sequence[str], width: int) -> tuple[str, ...]:
    """Lines of at most *width* characters; a longer unit stays whole on a line of its own."""
    lines = [""]
    for unit in units:
        if lines[-1] and len(lines[-1]) + len(unit.rstrip()) > width:
            lines.append("")
        lines[-1] += unit
    return tuple(line.rstrip() for line in lines)


def balance(units: Sequence[str], width: int) -> tuple[str, ...]:
    """As few lines as ``wrap`` makes, the longest as short as can be."""
    count = len(wrap(units, width))
    fits = bisect_left(range(1, width), True, key=lambda each: len(wrap(units, each)) <= count)
    return wrap(units, fits + 1)


def _label(stretch: Stretch, made: Sequence[Cue]) -> list[str]:
    turn = not made or made[-1].speaker != stretch.speaker
    return _UNIT.findall(f"{stretch.speaker}: ") if turn and stretch.speaker else []


def _voice(span: _Span) -> tuple[str | None, int | None]:
    return span.speaker, span.channel


def _spans(segment: Segment, redacted: bool) -> Iterator[_Span]:
    shown = segment.text if segment.redacted_text is None else segment.redacted_text
    words = [word for word in segment.words or () if clean(word.text) and not redacted]
    text = clean(shown) or clean(" ".join(word.text for word in words))
    if text and words:
        yield from _timed_by_words(text, words, segment)
    elif text:
        start, end = _milliseconds(segment.start), _milliseconds(segment.end)
        yield _Span(text, start, max(start, end), segment.speaker, segment.channel)


def _timed_by_words(text: str, words: Sequence[Word], segment: Segment) -> Iterator[_Span]:
    cuts = [(0, 0), *_anchors(text, words), (len(text), len(words))]
    start = 0
    for (low, first), (high, last) in pairwise(cuts):
        word = words[first]
        start = max(start, _milliseconds(word.start))
        end = max(_milliseconds(each.end) for each in words[first:last])
        speaker = segment.speaker if word.speaker is None else word.speaker
        channel = segment.channel if word.channel is None else word.channel
        yield _Span(text[low:high], start, max(start, end), speaker, channel)


def _anchors(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Where the text may be broken before a word: (offset, number of the word), both rising.

    Words that the text writes otherwise ("twenty", "20") stay with the word before.
    """
    folded, cursor = _fold(text), 0
    for number, word in enumerate(words):
        core = _core(word.text)
        found = folded.find(core, cursor, cursor + len(core) + LOOK_AHEAD)
        if found < 0:
            continue
        offset = _boundary(text, cursor, found)
        if number and offset:
            yield offset, number
        cursor = found + len(core)


def _boundary(text: str, low: int, high: int) -> int:
    """Where the word at *high* begins, its opening marks included; 0 if it hangs on the last."""
    space = text.rfind(" ", low, high)
    unspaced = _UNSPACED.search(text, max(0, high - 1), high + 1)
    return space + 1 or (high if unspaced else 0)


def _core(word: str) -> str:
    line = clean(word)
    found = _CORE.search(line)
    return _fold(found[0] if found else line)


def _fold(text: str) -> str:
    """Lower case of the same length, so that offsets hold."""
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _units(span: _Span) -> Iterator[Unit]:
    """The span's time, shared out by characters."""
    texts = _UNIT.findall(span.text)
    lasts, size = span.end - span.start, len(span.text)
    times = [span.start + lasts * end // size for end in accumulate(map(len, texts), initial=0)]
    for text, (start, end) in zip(texts, pairwise(times), strict=True):
        yield Unit(text, start, end)


def _cut(units: Sequence[Unit], label: Sequence[str], options: RenderOptions) -> int:
    """How many units the next cue takes: all, or up to the best place to break."""
    reach = _reach(units, label, options)
    if reach == len(units):
        return reach
    sizes = list(accumulate(len(unit.text) for unit in units[: 3 * reach]))
    full = sizes[reach - 1]
    # Halving what two cues can hold keeps a last word from standing alone.
    ideal = min(full, sizes[-1] / 2)

    def worth(count: int) -> float:
        return _worth(units[count - 1], units[count]) - abs(sizes[count - 1] - ideal) / full

    return max(range(1, reach + 1), key=worth)


def _reach(units: Sequence[Unit], label: Sequence[str], options: RenderOptions) -> int:
    """How many units, at least one, a cue can hold."""
    for count in range(2, len(units) + 1):
        if not _fits(units[:count], label, options):
            return count - 1
    return len(units)


def _fits(units: Sequence[Unit], label: Sequence[str], options: RenderOptions) -> bool:
    texts = [*label, *(unit.text for unit in units)]
    short = max(unit.end for unit in units) - units[0].start <= LONGEST_CUE
    return short and len(wrap(texts, options.max_line_length)) <= options.max_lines


def _worth(before: Unit, after: Unit) -> float:
    if after.start - before.end >= PAUSE or ends_sentence(before.text):
        return NATURAL_BREAK
    return CLAUSE_BREAK if _CLAUSE.search(before.text) else 0.0


def _cue(start: int, shown: Stretch, label: Sequence[str], options: RenderOptions) -> Cue:
    texts = [*label, *(unit.text for unit in shown.units)]
    lines = balance(texts, options.max_line_length)
    end = max(unit.end for unit in shown.units)
    return Cue(start, max(end, start + 1), lines, shown.speaker, shown.channel)


def _apart(made: Sequence[Cue]) -> tuple[Cue, ...]:
    """End each cue when the next one of its channel starts, at the latest."""
    following: dict[int | None, int] = {}
    ended = []
    for cue in reversed(made):
        ended.append(replace(cue, end=min(cue.end, following.get(cue.channel, cue.end))))
        following[cue.channel] = cue.start
    return tuple(reversed(ended))
