"""What stages leave for each other: the media document, part facts and part transcripts (JSON)."""

from pydantic import BaseModel, ConfigDict

from dalston_crds.transcript import ChannelLevel, Segment
from dalston_crds.v1alpha1 import Media
from dalston_engines.audio.shards import TrackShard
from dalston_engines.audio.speech import FRAME_SECONDS
from dalston_engines.audio.speech import Region as FrameRegion
from dalston_engines.audio.speech import Window as FrameWindow

MEDIA = "media.json"
TRANSCRIPT = "transcript.json"
OVERLAP_FRAMES = 31
"""Audio heard beyond a forced cut on either side: about 1 s, so neighbours overlap by 2 s."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Region(_Document):
    """Speech, in seconds of the media."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


class Window(_Document):
    """A stretch to decode, in seconds of the media; forced edges lie inside speech."""

    start: float
    end: float
    forced_start: bool = False
    forced_end: bool = False

    @property
    def heard(self) -> tuple[float, float]:
        """The stretch with its overlaps."""
        overlap = OVERLAP_FRAMES * FRAME_SECONDS
        start = self.start - overlap if self.forced_start else self.start
        return start, self.end + overlap if self.forced_end else self.end


class PreparedPart(_Document):
    """One part's audio, in seconds of the media: the part owns ``start`` to ``end``."""

    part: int
    channel: int | None = None
    start: float
    end: float
    audio_start: float
    forced_start: bool = False
    forced_end: bool = False
    windows: tuple[Window, ...] = ()
    regions: tuple[Region, ...] = ()


class PartEntry(_Document):
    """Where a part lies."""

    channel: int | None = None
    start: float
    end: float


class MediaDocument(_Document):
    """What prepare found in the media."""

    media: Media
    tracks: tuple[int | None, ...]
    """The channel of each track; None is the mix."""
    parts: tuple[PartEntry, ...]
    levels: tuple[ChannelLevel, ...]
    damaged_packets: int = 0


class PartWarning(_Document):
    """Something a reader of the transcript should know of one part."""

    reason: str
    message: str
    start: float | None = None
    end: float | None = None


class PartTranscript(_Document):
    """What was heard in one part, in seconds of the media."""

    part: int
    channel: int | None = None
    start: float
    end: float
    forced_start: bool = False
    forced_end: bool = False
    segments: tuple[Segment, ...] = ()
    language: str | None = None
    language_confidence: float | None = None
    words_missing: bool = False
    gap_seconds: float = 0.0
    recovered_words: int = 0
    unexplained_loud_seconds: float = 0.0
    warnings: tuple[PartWarning, ...] = ()


def audio_name(part: int) -> str:
    """File name of a part's audio."""
    return f"{part:05d}.flac"


def facts_name(part: int) -> str:
    """File name of a part's facts."""
    return f"{part:05d}.json"


def prepared_windows(share: TrackShard, origin: int) -> tuple[Window, ...]:
    """A track's windows in seconds; *origin* is the shard's first frame."""

    def seconds(window: FrameWindow) -> Window:
        return Window(
            start=(origin + window.start) * FRAME_SECONDS,
            end=(origin + window.end) * FRAME_SECONDS,
            forced_start=window.forced_start,
            forced_end=window.forced_end,
        )

    return tuple(map(seconds, share.windows))


def prepared_regions(share: TrackShard, origin: int) -> tuple[Region, ...]:
    """A track's speech in seconds; *origin* is the shard's first frame."""

    def seconds(region: FrameRegion) -> Region:
        start, end = origin + region.start, origin + region.end
        return Region(start=start * FRAME_SECONDS, end=end * FRAME_SECONDS)

    return tuple(map(seconds, share.regions))
