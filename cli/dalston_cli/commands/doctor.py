"""``dalston doctor``: what works on this machine, what is missing, and how to get it."""

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dalston_cli.errors import CommandError
from dalston_cli.local.database import Database
from dalston_cli.local.installed import engines_here
from dalston_cli.local.settings import LocalSettings

NEEDED_MEBIBYTES = 1024


@dataclass(frozen=True)
class Finding:
    """One thing looked at; ``cure`` says what to do when it is not well."""

    what: str
    state: str
    cure: str = ""


def doctor() -> None:
    """Check this machine; exits with 1 when something needed does not work."""
    settings = LocalSettings.read(os.environ)
    checks = (_machine, _media, _state, _disk)
    findings = [check(settings) for check in checks]
    engines = list(_engines(settings))
    for finding in (*findings, *engines):
        mark = "missing" if finding.cure else "ok"
        print(f"{mark:<8} {finding.what:<22} {finding.state}")
        if finding.cure:
            print(f"{'':<8} {'':<22} {finding.cure}")
    broken = [finding.what for finding in findings if finding.cure]
    if broken:
        raise CommandError(f"not working: {', '.join(broken)}")


Check = Callable[[LocalSettings], Finding]


def _machine(settings: LocalSettings) -> Finding:
    state = (
        f"Python {platform.python_version()} on {sys.platform} {platform.machine()},"
        f" {settings.workers} workers, {settings.memory_mebibytes} MiB for them"
    )
    if settings.memory_mebibytes < NEEDED_MEBIBYTES:
        return Finding("machine", state, f"give it {NEEDED_MEBIBYTES} MiB (DALSTON_MEMORY_MIB)")
    return Finding("machine", state)


def _media(_: LocalSettings) -> Finding:
    import av  # decoding libraries that no other command should wait for at its start

    version = ".".join(map(str, av.library_versions["libavcodec"]))
    wanted = ("aac", "flac", "mp3", "opus", "vorbis", "pcm_mulaw")
    lost = [codec for codec in wanted if codec not in av.codecs_available]
    cure = f"reinstall av: it lacks {', '.join(lost)}" if lost else ""
    return Finding("media decoding", f"PyAV {av.__version__}, libavcodec {version}", cure)


def _state(settings: LocalSettings) -> Finding:
    state = f"{settings.database} (SQLite {sqlite3.sqlite_version})"
    try:
        Database(settings.database).close()
    except CommandError as error:
        return Finding("state", state, str(error))
    return Finding("state", state)


def _disk(settings: LocalSettings) -> Finding:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(settings.home).free // 2**20
    except OSError as error:
        return Finding("disk", str(settings.home), f"cannot be used: {error.strerror}")
    cure = "" if free >= NEEDED_MEBIBYTES else f"free some space below {settings.home}"
    return Finding("disk", f"{free} MiB free in {settings.home}", cure)


def _engines(settings: LocalSettings) -> Iterator[Finding]:
    for item in engines_here(settings):
        stages = ", ".join(item.manifest.spec.stages)
        name = f"engine {item.manifest.name}"
        yield Finding(name, f"for {stages}", item.manifest.not_ready())
