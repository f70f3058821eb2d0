"""What prepare holds of one track between two cuts: samples, speech probabilities, the overlap."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dalston_engines.audio.shards import Shard, TrackShard
from dalston_engines.audio.speech import Track
from dalston_engines.contract import FRAME_SAMPLES, VoiceActivityStream
from dalston_engines.stages.part_documents import OVERLAP_FRAMES

Pcm = NDArray[np.int16]


@dataclass
class PreparedTrack:
    """One track since the last cut."""

    channel: int | None
    stream: VoiceActivityStream
    origin: int = 0
    """Frames of the media before the last cut."""
    speech_frames: int = 0
    was_forced: bool = False
    _carried: bool = False
    _lead: int = 0
    """Samples kept from before the last cut."""
    _samples: list[Pcm] = field(default_factory=list, repr=False)
    _probabilities: list[NDArray[np.float32]] = field(default_factory=list, repr=False)
    frames: int = 0
    """Frames since the last cut."""

    def feed(self, samples: Pcm) -> None:
        """Add samples and judge the frames they complete."""
        self._samples.append(samples)
        self._judge(samples)

    def finish(self) -> None:
        """Judge the last, incomplete frame as if silence followed."""
        rest = -sum(map(len, self._samples)) % FRAME_SAMPLES
        self._judge(np.zeros(rest, np.int16))

    def view(self) -> Track:
        """The track since the last cut, for deciding the next one."""
        self._probabilities = [np.concatenate([np.zeros(0, np.float32), *self._probabilities])]
        return Track(self._probabilities[0], self._carried)

    def cut(self, shard: Shard, share: TrackShard) -> tuple[int, Pcm]:
        """Take the shard's audio off; returns its first sample's position in the media too."""
        held = np.concatenate([np.zeros(0, np.int16), *self._samples])
        overlap = OVERLAP_FRAMES * FRAME_SAMPLES if shard.forced else 0
        end = self._lead + shard.end * FRAME_SAMPLES
        start = self.origin * FRAME_SAMPLES - self._lead
        self._samples = [held[end - overlap :].copy()]
        self._probabilities = [self._probabilities[0][shard.end :]]
        self._lead, self._carried = overlap, share.carries
        self.origin += shard.end
        self.frames -= shard.end
        self.speech_frames += sum(region.end - region.start for region in share.regions)
        return start, held[: end + overlap]

    def _judge(self, samples: Pcm) -> None:
        found = self.stream.feed(samples.astype(np.float32) / np.float32(32_768))
        self._probabilities.append(found)
        self.frames += len(found)
