"""The length an MP3 file states in its Xing or Info tag (as written by LAME and ffmpeg)."""

from typing import BinaryIO

TAGS = (b"Xing", b"Info")
SAMPLES_PER_FRAME = {True: 1152, False: 576}
"""By whether the stream is MPEG-1 (else MPEG-2 or 2.5), layer III."""
SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Hz by the header's version bits and sample-rate index."""
SEARCHED_BYTES = 8192


def promised_seconds(source: BinaryIO) -> float | None:
    """Seconds the tag promises; None when there is none. Leaves the stream at its start."""
    head = _head(source)
    found = [at for at in (head.find(tag) for tag in TAGS) if at >= 0]
    sync = head.find(b"\xff", 0, min(found)) if found else -1
    if sync < 0:
        return None
    return _seconds(head[sync : sync + 4], head[min(found) :])


def _head(source: BinaryIO) -> bytes:
    start = source.read(10)
    source.seek(_id3_size(start))
    head = source.read(SEARCHED_BYTES)
    source.seek(0)
    return head


def _id3_size(start: bytes) -> int:
    if len(start) < 10 or start[:3] != b"ID3":
        return 0
    size = 0
    for byte in start[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10


def _seconds(header: bytes, tag: bytes) -> float | None:
    if len(header) < 4 or len(tag) < 12 or header[1] & 0xE0 != 0xE0 or not tag[7] & 1:
        return None
    version, rate_index = header[1] >> 3 & 3, header[2] >> 2 & 3
    if version not in SAMPLE_RATES or rate_index == 3:
        return None
    frames = int.from_bytes(tag[8:12])
    return frames * SAMPLES_PER_FRAME[version == 3] / SAMPLE_RATES[version][rate_index]
