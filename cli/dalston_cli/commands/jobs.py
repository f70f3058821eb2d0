"""``dalston jobs``: see and steer the jobs of this machine."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from dalston_cli.commands.transcribe import exit_for, run_jobs
from dalston_cli.errors import UserError
from dalston_cli.local.database import Row
from dalston_cli.local.outcomes import document_of, outcome_of, rendering_of
from dalston_cli.local.session import Session, in_session
from dalston_cli.local.settings import LocalSettings
from dalston_cli.outputs import FORMATS, Form, for_people, to_stdout, whole_lines
from dalston_crds.labels import DISPLAY_NAME
from dalston_crds.renderings import file_name
from dalston_crds.v1alpha1 import TranscriptionJob
from dalston_engines.storage import local_path
from dalston_operator import conditions

app = typer.Typer(help="See and steer the jobs of this machine.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A job's name; see: dalston jobs list.")]
T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_jobs(as_json: AsJson = False) -> None:
    """Every job, the newest first."""
    rows = _with_session(_all_rows)
    if as_json:
        print(json.dumps([row.job.wire() for row in rows], indent=2, ensure_ascii=False))
        return
    if not rows:
        print("no jobs yet; make one with: dalston transcribe FILE", file=sys.stderr)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("NAME", "FILE", "MODEL", "STATE", "PROGRESS", "CREATED"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row.job))
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(table)


@app.command("get")
def get_job(
    name: Name,
    form: Annotated[
        Form | None, typer.Option("--format", "-f", help="Print its transcript.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One job: its stages and transcript."""
    row = _with_session(lambda session: _row(session, name))
    if as_json:
        print(json.dumps(row.job.wire(), indent=2, ensure_ascii=False))
    elif form is not None:
        to_stdout(whole_lines(rendering_of(row.job, file_name(FORMATS[form]))))
    else:
        _describe(row)


@app.command("cancel")
def cancel_job(name: Name) -> None:
    """End a job that runs here or in another terminal."""

    async def cancel(session: Session) -> TranscriptionJob:
        job = (await _row(session, name)).job
        if job.finished:
            raise UserError(f"job {name} has already ended ({_state(job)})")
        session.cancel([name])
        await session.run([name])
        return (await _row(session, name)).job

    job = _with_session(cancel)
    print(f"{name}: {_state(job)}")


@app.command("resume")
def resume_job(name: Name) -> None:
    """Go on with a job that was cut off, from its finished parts."""
    _finish(name, {}, ended_ok=False)


@app.command("retry")
def retry_job(name: Name) -> None:
    """Run a failed job's failed stages again; finished stages stay."""
    _finish(name, {"retry": 1}, ended_ok=True)


@app.command("delete")
def delete_job(name: Name) -> None:
    """Forget an ended job and remove its artifacts."""

    async def delete(session: Session) -> None:
        runs = session.database.runs(name)
        if runs is None:
            raise _no_job(name)
        session.adopt(name)
        if not session.owns(name):
            raise UserError(f"job {name} is running in another command; cancel it first")
        session.delete(name, runs)

    _with_session(delete)
    print(f"{name}: deleted")


def _finish(name: str, change: dict[str, int], ended_ok: bool) -> None:
    """Run an existing job to its end and print its transcript."""

    async def run(session: Session) -> Row:
        job = (await _row(session, name)).job
        if job.finished and not ended_ok:
            raise UserError(f"job {name} has already ended ({_state(job)})")
        if job.holds(conditions.COMPLETE):
            raise UserError(f"job {name} is complete; there is nothing to try again")
        if job.spec.cancel and job.finished:
            raise UserError(f"job {name} was cancelled; transcribe its file again instead")
        if change:
            session.change(name, {"retry": job.spec.retry + change["retry"]})
        session.adopt(name)
        await run_jobs(session, [name])
        return await _row(session, name)

    row = _with_session(run)
    outcome = outcome_of(row, name, _source(row.job))
    exit_for([outcome])
    assert outcome.document is not None
    to_stdout(for_people(outcome, outcome.document))


def _with_session(act: Callable[[Session], Awaitable[T]]) -> T:
    return in_session(LocalSettings.read(os.environ), act)


async def _all_rows(session: Session) -> list[Row]:
    return session.database.all_jobs()


async def _row(session: Session, name: str) -> Row:
    row = session.database.get(name)
    if row is None:
        raise _no_job(name)
    return row


def _no_job(name: str) -> UserError:
    return UserError(f"there is no job {name}; see: dalston jobs list")


def _cells(job: TranscriptionJob) -> tuple[str, ...]:
    created = job.metadata.creation_timestamp
    return (
        job.metadata.name,
        job.metadata.annotations.get(DISPLAY_NAME, ""),
        job.spec.model,
        _state(job),
        f"{job.status.progress / 10:.0f} %",
        created.astimezone().strftime("%Y-%m-%d %H:%M") if created else "",
    )


def _state(job: TranscriptionJob) -> str:
    for kind in (conditions.COMPLETE, conditions.FAILED):
        condition = job.status.condition(kind)
        if job.holds(kind) and condition is not None:
            return "Complete" if kind == conditions.COMPLETE else condition.reason
    condition = job.status.condition(conditions.RECONCILING)
    return condition.reason if condition is not None else "New"


def _describe(row: Row) -> None:
    job = row.job
    print(f"{job.metadata.name}  {_state(job)}  {_source(job)}")
    for kind in (conditions.FAILED, conditions.RECONCILING):
        condition = job.status.condition(kind)
        if job.holds(kind) and condition is not None:
            print(f"  {condition.message}")
    for stage in job.status.stages:
        worked = stage.timings.worked_milliseconds / 1000
        names = " + ".join(stage.covers)
        facts = f"{stage.state:<10} {stage.engine:<14} {_parts(stage.parts)} {worked:.1f} s"
        print(f"  {names:<16} {facts}")
    if job.holds(conditions.COMPLETE):
        outcome = outcome_of(row, job.metadata.name, _source(job))
        sys.stdout.flush()
        to_stdout(for_people(outcome, document_of(job)))


def _parts(count: int) -> str:
    return "1 part  " if count == 1 else f"{count} parts"


def _source(job: TranscriptionJob) -> Path:
    return local_path(job.spec.source.uri)
