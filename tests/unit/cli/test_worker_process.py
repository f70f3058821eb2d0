"""A worker that misbehaves: whatever it prints, its parent gets an answer and goes on."""

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest

from dalston_cli.local.worker_process import LINE_BYTES, WorkerProcess
from dalston_crds.stage_messages import JobRef, StageRequest, StageResult
from dalston_crds.v1alpha1 import StageName
from dalston_engines.worker_messages import Order

ORDER = Order(
    number=1,
    request=StageRequest(
        job=JobRef(name="a", namespace="b", uid="c"),
        stage=StageName.TRANSCRIBE,
        covers=(StageName.TRANSCRIBE,),
        plan=(StageName.TRANSCRIBE,),
        round=0,
        parts="0",
        indexes=1,
        engine="odd",
        root="file:///nowhere",
    ),
    index=0,
    parts="0",
)


async def answered(program: str) -> StageResult:
    """What a worker that runs *program* answers to an order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=LINE_BYTES
    )
    worker = WorkerProcess("odd", process)
    result = await worker.carry_out(ORDER, lambda _: None)
    await worker.end()
    return result


@pytest.mark.parametrize(
    "printed",
    [
        pytest.param("'nonsense'", id="no answer"),
        pytest.param("'[1, 2]'", id="JSON of another kind"),
        pytest.param(f"'x' * {LINE_BYTES + 10}", id="a line without end"),
    ],
)
def test_a_worker_that_answers_nonsense_is_killed(printed: str) -> None:
    program = (
        f"import sys, time; sys.stdin.readline(); print({printed}, flush=True); time.sleep(60)"
    )
    result = asyncio.run(answered(program))
    assert result.exit_code == 1
    assert "killed" in result.message


def test_the_last_words_of_a_worker_are_kept_however_long() -> None:
    program = "import sys; sys.stdin.readline(); sys.stderr.write('é' * 3_000_000); sys.exit(3)"
    result = asyncio.run(answered(program))
    assert result.exit_code == 3
    assert result.message.startswith("its worker ended with exit code 3: é")


def test_the_last_line_of_a_traceback_is_told() -> None:
    program = "import sys; sys.stdin.readline(); raise KeyError('lost')"
    assert asyncio.run(answered(program)).message.endswith("KeyError: 'lost'")
