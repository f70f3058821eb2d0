"""``dalston transcribe``: files in, transcripts out, through the whole pipeline on this machine."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dalston_cli.errors import CommandError, Interrupted, UserError
from dalston_cli.inputs import audio_files
from dalston_cli.local.outcomes import Outcome, outcome_of
from dalston_cli.local.session import Session, in_session
from dalston_cli.local.settings import LocalSettings
from dalston_cli.options import JobFlags, spec_for
from dalston_cli.outputs import Form, Sink, print_outcomes
from dalston_cli.progress import JobProgress
from dalston_operator.conditions import CANCELLED


@dataclass(frozen=True)
class TranscribeFlags(JobFlags):
    """The options of the command."""

    form: Annotated[Form | None, typer.Option("--format", "-f", help="What to print or write.")] = (
        None
    )
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File, or folder for several files.")
    ] = None
    as_json: Annotated[
        bool, typer.Option("--json", help="Print jobs and transcripts as one JSON document.")
    ] = False


def transcribe(
    files: Annotated[list[str], typer.Argument(help="Audio or video files, or globs.")],
    flags: TranscribeFlags,
) -> None:
    """Write down what is said in audio or video files.

    The same call joins a job that another terminal runs, resumes one that was cut off, and runs a
    finished one again.
    """
    paths = audio_files(files)
    sink = Sink(flags.form, flags.output, flags.as_json, tuple(paths))
    specs = [spec_for(flags, path.absolute().as_uri()) for path in paths]

    async def transcribed(session: Session) -> list[Outcome]:
        names = [session.submit(path, spec) for path, spec in zip(paths, specs, strict=True)]
        await run_jobs(session, names)
        return [
            outcome_of(session.database.get(name), name, path)
            for name, path in zip(names, paths, strict=True)
        ]

    outcomes = in_session(LocalSettings.read(os.environ), transcribed)
    print_outcomes(outcomes, sink)
    exit_for(outcomes)


async def run_jobs(session: Session, names: Sequence[str]) -> None:
    """Run jobs to their end with live progress.

    Ctrl-C cancels those this command runs; a second one kills their workers.
    """
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if session.leaving:
            loop.remove_signal_handler(signal.SIGINT)
            session.cluster.pool.kill()
        else:
            session.leave(names)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    with JobProgress(session, names, sys.stderr) as progress:
        session.on_tick = progress.draw
        await session.run(names)
    if others := [name for name in names if not session.ended(name)]:
        raise Interrupted(f"no longer waiting for {', '.join(others)}: another command runs on")


def exit_for(outcomes: Sequence[Outcome]) -> None:
    """Say what failed, and leave with the gravest exit code."""
    failed = [outcome for outcome in outcomes if outcome.problem]
    if not failed:
        return
    if any(outcome.reason == CANCELLED for outcome in failed):
        raise Interrupted("cancelled; finished parts are kept: the same command goes on from them")
    *others, last = failed
    for outcome in others:
        print(f"dalston: {outcome.path}: {outcome.problem}", file=sys.stderr)
    kind = UserError if all(outcome.users_fault for outcome in failed) else CommandError
    raise kind(f"{last.path}: {last.problem}")
