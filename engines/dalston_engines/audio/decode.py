"""Decode any supported media into 16 kHz blocks on the player's clock, in bounded memory.

Only the demuxers listed here are tried and nothing but the given stream is ever read: a playlist
or a session description is refused before it could open another file or address. Gaps in the
container's timestamps become silence, so that word times equal the player's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from dalston_engines.audio import mp3_header, wav_header
from dalston_engines.contract import SAMPLE_RATE
from dalston_engines.errors import InputError

MAX_CHANNELS = 32
BLOCK_SAMPLES = 10 * SAMPLE_RATE
GAP_SECONDS = 0.1
"""Timestamps this far ahead of the decoded audio are a gap; less is rounding of the container."""

DEMUXERS = (
    "aac,aiff,amr,amrnb,amrwb,au,avi,caf,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,mpeg,mpegts,ogg,w64,wav"
)
SUPPORTED = "wav, flac, mp3, m4a/mp4, ogg/opus, webm/mkv, aac, aiff, au, caf, amr, avi, flv or ts"
HEADER_TELLS_LENGTH = frozenset({"mov", "flac", "wav", "w64", "matroska", "caf", "aiff", "au"})
"""Containers whose headers state the true length, so that a shorter stream was cut off."""

Block = NDArray[np.int16]
"""Interleaved samples at 16 kHz, shape [n, channels]."""


@dataclass(frozen=True)
class MediaFacts:
    """What the container says of its first audio track."""

    container: str
    codec: str
    channels: int
    sample_rate: int
    promised_seconds: float | None
    """Length by the header, where the container's header can be trusted."""


@dataclass
class Media:
    """An opened media file; ``blocks`` may be walked once."""

    facts: MediaFacts
    limit_seconds: float
    damaged_packets: int = 0
    _container: Any = field(default=None, repr=False)
    _stream: Any = field(default=None, repr=False)

    def blocks(self) -> Iterator[Block]:
        """The audio in blocks of about 10 s; raises InputError when it cannot be what it says."""
        pending: list[Block] = []
        size = 0
        for piece in self._pieces():
            pending.append(piece)
            size += len(piece)
            if size >= BLOCK_SAMPLES:
                yield np.concatenate(pending)
                pending, size = [], 0
        if size:
            yield np.concatenate(pending)

    def _pieces(self) -> Iterator[Block]:
        now, form = 0.0, None
        resampler: Any = None
        for frame in self._frames():
            gap = self._moment(frame, now) - now
            if gap > GAP_SECONDS or _form(frame) != form:
                yield from self._flush(resampler)
                form, resampler = _form(frame), self._resampler(frame)
            if gap > GAP_SECONDS:
                yield from self._silence(gap, now)
                now += gap
            now += frame.samples / frame.sample_rate
            self._check_limit(now)
            yield from map(self._interleaved, resampler.resample(frame))
        yield from self._flush(resampler)
        self._check_whole(now)

    def _frames(self) -> Iterator[Any]:
        packets = 0
        for packet in self._demuxed():
            packets += 1
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.damaged_packets += 1
                continue
            for frame in frames:
                self._check_format(frame)
                yield frame
        if self.damaged_packets * 2 > packets:
            raise InputError(
                f"most of the audio is damaged: {self.damaged_packets} of {packets} packets"
                " cannot be decoded"
            )

    def _demuxed(self) -> Iterator[Any]:
        try:
            yield from self._container.demux(self._stream)
        except av.error.FFmpegError as error:
            raise InputError(f"the audio cannot be read to its end: {error.strerror}") from error

    def _moment(self, frame: Any, now: float) -> float:
        """When the player plays the frame; *now* where the container does not say."""
        if frame.pts is None or frame.time_base is None:
            return now
        start = (self._container.start_time or 0) / av.time_base
        return float(frame.pts * frame.time_base) - start

    def _silence(self, gap: float, now: float) -> Iterator[Block]:
        self._check_limit(now + gap)
        left = round(gap * SAMPLE_RATE)
        while left > 0:
            count = min(left, BLOCK_SAMPLES)
            yield np.zeros((count, self.facts.channels), np.int16)
            left -= count

    def _resampler(self, frame: Any) -> Any:
        return av.AudioResampler(format="s16", layout=frame.layout, rate=SAMPLE_RATE)

    def _flush(self, resampler: Any) -> Iterator[Block]:
        if resampler is not None:
            yield from map(self._interleaved, resampler.resample(None))

    def _interleaved(self, frame: Any) -> Block:
        channels = self.facts.channels
        flat = np.frombuffer(frame.planes[0], np.int16, frame.samples * channels)
        return flat.reshape(-1, channels).copy()

    def _check_format(self, frame: Any) -> None:
        if frame.layout.nb_channels != self.facts.channels:
            raise InputError(
                f"the number of channels changes from {self.facts.channels} to"
                f" {frame.layout.nb_channels} inside the file; split it there"
            )

    def _check_limit(self, seconds: float) -> None:
        if seconds > self.limit_seconds:
            raise InputError(
                f"the audio is longer than the limit of {self.limit_seconds / 3600:g} h;"
                " split it into shorter files"
            )

    def _check_whole(self, decoded: float) -> None:
        promised = self.facts.promised_seconds
        if decoded == 0:
            raise InputError("the audio track is empty: it holds no samples")
        if promised is not None and promised - decoded > max(2.0, 0.02 * promised):
            raise InputError(
                f"the file is cut short: its header promises {promised:.1f} s of audio but"
                f" only {decoded:.1f} s are there; provide the whole file, or re-encode it to"
                " transcribe what is left"
            )


@contextmanager
def open_media(source: BinaryIO, limit_seconds: float) -> Iterator[Media]:
    """Open a seekable byte stream; raises InputError when it is no supported audio."""
    promised = {
        "mp3": mp3_header.promised_seconds(source),
        "wav": wav_header.promised_seconds(source),
    }
    container = _container(source)
    try:
        facts = _facts(container, promised)
        stream = container.streams.audio[0]
        stream.thread_count = 1
        yield Media(facts, limit_seconds, _container=container, _stream=stream)
    finally:
        container.close()


def _container(source: BinaryIO) -> Any:
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "none"}
    try:
        return av.open(source, mode="r", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(
            f"this is not audio or video that can be read; supported are {SUPPORTED}"
        ) from error


def _facts(container: Any, promised: Mapping[str, float | None]) -> MediaFacts:
    if not container.streams.audio:
        raise InputError("the file has no audio track")
    stream = container.streams.audio[0]
    channels, rate = stream.codec_context.channels, stream.codec_context.sample_rate
    if not channels or not rate:
        raise InputError("the audio track is empty: it holds no samples")
    if channels > MAX_CHANNELS:
        raise InputError(f"the audio has {channels} channels; at most {MAX_CHANNELS} are supported")
    name = container.format.name.split(",")[0]
    seconds = promised.get(name) or (_stated(stream) if name in HEADER_TELLS_LENGTH else None)
    return MediaFacts(name, stream.codec_context.name, channels, rate, seconds)


def _stated(stream: Any) -> float | None:
    """Seconds of the audio track by the container; Matroska keeps them in a tag, if anywhere."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None


def _form(frame: Any) -> tuple[str, str, int]:
    """What a resampler is made for; files glued together change it on the way."""
    return frame.format.name, frame.layout.name, frame.sample_rate
