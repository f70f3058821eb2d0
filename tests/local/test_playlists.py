"""Files that name other files and addresses: nothing they name is ever opened.

The secret is a pipe: a command that opened it would hang. The canary is a web server: it counts.
"""

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from local_command import LocalHome

M3U8 = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:10
#EXT-X-KEY:METHOD=AES-128,URI="{address}"
#EXTINF:10.0,
{target}
#EXTINF:10.0,
{address}
#EXT-X-ENDLIST
"""
FFCONCAT = """ffconcat version 1.0
file '{target}'
file '{address}'
"""
DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S"
  profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">
  <Period><AdaptationSet mimeType="audio/mp4">
    <Representation id="1" bandwidth="1"><BaseURL>file://{target}</BaseURL></Representation>
    <Representation id="2" bandwidth="1"><BaseURL>{address}</BaseURL></Representation>
  </AdaptationSet></Period>
</MPD>
"""
SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
a=tool:{target} {address}
m=audio {port} RTP/AVP 0
"""
XSPF = """<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>
<track><location>file://{target}</location></track><track><location>{address}</location></track>
</trackList></playlist>
"""
PLAYLISTS = {"m3u8": M3U8, "ffconcat": FFCONCAT, "mpd": DASH, "sdp": SDP, "xspf": XSPF}
BARE_M3U = "{target}\n{address}\n"


@dataclass
class Canary:
    """A listening socket; whoever connects is counted and turned away."""

    server: socket.socket
    visits: list[object] = field(default_factory=list)

    @property
    def port(self) -> int:
        port: int = self.server.getsockname()[1]
        return port

    def listen(self) -> None:
        """Until the socket is shut down."""
        while True:
            try:
                connection, visitor = self.server.accept()
            except OSError:
                return
            self.visits.append(visitor)
            connection.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Canary(server)
        listening = threading.Thread(target=made.listen)
        listening.start()
        yield made
        server.shutdown(socket.SHUT_RDWR)
        listening.join()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.wav"
    os.mkfifo(path)
    return path


def written(folder: Path, name: str, text: str, secret: Path, canary: Canary) -> Path:
    address = f"http://127.0.0.1:{canary.port}/key.wav"
    path = folder / name
    path.write_text(text.format(target=secret, address=address, port=canary.port))
    return path


def test_the_canary_notices_a_visit(canary: Canary):
    with socket.create_connection(("127.0.0.1", canary.port)) as visit:
        assert visit.recv(1) == b""
    assert len(canary.visits) == 1


def test_an_m3u8_playlist_is_refused_in_one_sentence(home: LocalHome, secret: Path, canary: Canary):
    path = written(home.folder, "list.m3u8", M3U8, secret, canary)
    said = home.run("transcribe", path, "--model", "oracle").assert_one_sentence(2)
    assert "not audio or video that can be read" in said
    assert str(secret) not in said
    assert canary.visits == []


@pytest.mark.parametrize("disguise", ["", ".wav", ".mp4"])
def test_no_playlist_opens_what_it_names(
    home: LocalHome, secret: Path, canary: Canary, disguise: str
):
    texts = {**PLAYLISTS, "m3u": BARE_M3U}
    paths = [
        written(home.folder, f"list.{kind}{disguise}", text, secret, canary)
        for kind, text in texts.items()
    ]
    ended = home.run("transcribe", *paths, "--model", "oracle")
    assert ended.exit_code == 2
    assert ended.stdout == ""
    for line, path in zip(ended.stderr.splitlines(), paths, strict=True):
        assert line.startswith(f"dalston: {path}: prepare: this is not audio or video")
    assert canary.visits == []
