"""Prepare: decode the source once, find speech, cut shards, write 16 kHz FLAC per part.

Streams in bounded memory however long the media is. Neighbours: ``audio.decode`` reads,
``audio.shards`` decides the cuts, ``prepared_tracks`` holds what is not yet cut.
"""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, cast

import soundfile

from dalston_crds.stage_messages import PartFacts, StageOptions, Tracks
from dalston_crds.transcript import ChannelLevel
from dalston_crds.v1alpha1 import JobWarning, Media, SpeakerMode, StageName
from dalston_engines.audio import decode
from dalston_engines.audio.levels import LevelMeter
from dalston_engines.audio.mixing import Mixer
from dalston_engines.audio.shards import (
    Shard,
    fits_one_shard,
    frames_needed,
    last_shard,
    next_shard,
)
from dalston_engines.audio.speech import FRAME_SECONDS, frames
from dalston_engines.contract import SAMPLE_RATE, VoiceActivityDetector
from dalston_engines.errors import InputError
from dalston_engines.stages.part_documents import (
    MEDIA,
    MediaDocument,
    PartEntry,
    PreparedPart,
    audio_name,
    facts_name,
    prepared_regions,
    prepared_windows,
)
from dalston_engines.stages.part_work import PartWork
from dalston_engines.stages.prepared_tracks import PreparedTrack
from dalston_engines.storage import open_source

HASH_BYTES = 1 << 20


def run(work: PartWork) -> PartFacts:
    """Make the tracks' parts; raises InputError when the source is no audio we take."""
    options = work.request.options
    if options.source is None:
        raise InputError("the job names no source")
    with open_source(options.source.uri) as source:
        digest, size = _digest(source)
        with decode.open_media(source, options.max_audio_seconds) as media:
            preparation = _Preparation(work, options, media)
            preparation.consume()
    return preparation.finish(digest, size)


def _digest(source: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(HASH_BYTES):
        digest.update(chunk)
        size += len(chunk)
    source.seek(0)
    return digest.hexdigest(), size


class _Preparation:
    """The state of one pass over the media."""

    def __init__(self, work: PartWork, options: StageOptions, media: decode.Media) -> None:
        self._work = work
        self._media = media
        self._channels = _channels(options, media.facts.channels)
        self._mixer = Mixer()
        detector = cast("VoiceActivityDetector", work.engine)
        self._tracks = [PreparedTrack(channel, detector.open()) for channel in self._channels]
        self._meters = [LevelMeter() for _ in range(media.facts.channels)]
        self._target = frames(options.shard_seconds)
        self._parts: list[PartEntry] = []
        self._samples = 0

    def consume(self) -> None:
        """Read the media to its end and write every part."""
        for block in self._media.blocks():
            self._samples += len(block)
            for channel, meter in enumerate(self._meters):
                meter.feed(block[:, channel])
            for track in self._tracks:
                samples = (
                    self._mixer.mix(block) if track.channel is None else block[:, track.channel]
                )
                with self._work.meter.engine():
                    track.feed(samples)
            self._work.meter.advance(len(block) / SAMPLE_RATE)
            self._cut(frames_needed(self._target))
        for track in self._tracks:
            track.finish()
        while not fits_one_shard(self._tracks[0].frames, self._target):
            self._write(next_shard([track.view() for track in self._tracks], self._target))
        self._write(last_shard([track.view() for track in self._tracks]))

    def finish(self, digest: str, size: int) -> PartFacts:
        """Write the media document; returns the facts of the stage."""
        media = self._media_facts(digest, size)
        document = MediaDocument(
            media=media,
            tracks=tuple(self._channels),
            parts=tuple(self._parts),
            levels=tuple(self._levels()),
            damaged_packets=self._media.damaged_packets,
        )
        self._work.writer.add(MEDIA, document.model_dump_json().encode())
        return PartFacts(
            audio_milliseconds=media.duration_milliseconds,
            parts=len(self._parts),
            media=media,
            warnings=tuple(_warnings(media, self._media.damaged_packets)),
        )

    def _cut(self, needed: int) -> None:
        while self._tracks[0].frames >= needed:
            self._write(next_shard([track.view() for track in self._tracks], self._target))

    def _write(self, shard: Shard) -> None:
        for track, share in zip(self._tracks, shard.tracks, strict=True):
            origin = track.origin
            start, samples = track.cut(shard, share)
            part = PreparedPart(
                part=len(self._parts),
                channel=track.channel,
                start=origin * FRAME_SECONDS,
                end=(origin + shard.end) * FRAME_SECONDS,
                audio_start=start / SAMPLE_RATE,
                forced_start=track.was_forced,
                forced_end=shard.forced,
                windows=prepared_windows(share, origin),
                regions=prepared_regions(share, origin),
            )
            track.was_forced = shard.forced
            flac = BytesIO()
            soundfile.write(flac, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
            self._work.writer.add(audio_name(part.part), flac.getvalue())
            self._work.writer.add(facts_name(part.part), part.model_dump_json().encode())
            self._parts.append(PartEntry(channel=part.channel, start=part.start, end=part.end))

    def _media_facts(self, digest: str, size: int) -> Media:
        facts = self._media.facts
        speech = sum(track.speech_frames for track in self._tracks) * FRAME_SECONDS
        return Media(
            container=facts.container,
            codec=facts.codec,
            channels=facts.channels,
            sample_rate_hertz=facts.sample_rate,
            duration_milliseconds=round(self._samples / SAMPLE_RATE * 1000),
            speech_milliseconds=round(speech * 1000),
            bytes=size,
            sha256=digest,
        )

    def _levels(self) -> Iterator[ChannelLevel]:
        for channel, meter in enumerate(self._meters):
            yield ChannelLevel(
                channel=channel,
                peak_dbfs=round(meter.peak_dbfs, 2),
                rms_dbfs=round(meter.rms_dbfs, 2),
                clipped_samples=meter.clipped,
            )


def _channels(options: StageOptions, channels: int) -> list[int | None]:
    if options.speakers.mode is SpeakerMode.PER_CHANNEL and channels < 2:
        raise InputError(
            "speakers per channel needs at least 2 channels and the audio is mono;"
            " ask for another speaker mode"
        )
    return list(range(channels)) if options.tracks is Tracks.CHANNELS else [None]


def _warnings(media: Media, damaged: int) -> Iterator[JobWarning]:
    if not media.speech_milliseconds:
        message = "no speech was found in the audio"
        yield JobWarning(stage=StageName.PREPARE, reason="NoSpeech", message=message)
    if damaged:
        message = f"{damaged} damaged packets could not be decoded and became silence"
        yield JobWarning(stage=StageName.PREPARE, reason="DamagedAudio", message=message)
