"""One index at work: what it adopts, how it ends, and what it reports."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sounds import sample, write_wav
from stage_harness import SAMPLES, Stages, oracle, silero, write_truth

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import MAX_RESULT_BYTES, StageOptions, StageResult
from dalston_crds.v1alpha1 import FailureKind, PartFailure, StageName
from dalston_engines.artifacts import digest_of_file
from dalston_engines.contract import Audio, Hypothesis, TranscribeOptions
from dalston_engines.errors import EngineUnavailable, InputError, StageError

TRANSCRIBE = StageName.TRANSCRIBE


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """A prepared file of five parts, whose words the oracle knows, one per part."""
    folder = tmp_path_factory.mktemp("prepared")
    sound = np.concatenate([sample("long-pauses")] * 5)
    source = write_wav(folder / "long.wav", sound)
    words = [(f"word{n}", 18.238 * n + 3.0, 18.238 * n + 3.4) for n in range(5)]
    write_truth(source, digest_of_file(source), [(0, words)])
    stages = Stages(folder, source, StageOptions(shard_seconds=18))
    assert len(stages.prepare().parts) == 5
    return stages


@pytest.fixture
def job(prepared: Stages, tmp_path: Path) -> Stages:
    """A copy of its own for each test."""
    shutil.copytree(prepared.folder, tmp_path, dirs_exist_ok=True)
    return Stages(tmp_path, prepared.source, prepared.options)


def engine(job: Stages, **options: Any) -> Any:
    return oracle(job.folder, truth=[job.folder], log=job.folder / "log", deaf=True, **options)


def decoded(job: Stages) -> list[float]:
    """When each window decoded on a first look begins."""
    log = job.folder / "log"
    lines = map(json.loads, log.read_text().splitlines()) if log.exists() else ()
    return [line["start"] for line in lines if not line["recover"]]


def done(job: Stages) -> list[int]:
    return [part for part in range(5) if job.artifacts.manifest(TRANSCRIBE, part) is not None]


def transcribe(job: Stages, parts: str, engine: object, **world: Any) -> StageResult:
    return job.run(job.request(TRANSCRIBE, parts=parts), engine, job.world(**world))


def test_a_run_says_what_it_finished(job: Stages):
    result = transcribe(job, "0-4", engine(job))
    assert (result.exit_code, result.finished, result.message) == (0, "0-4", "")
    assert result.audio_milliseconds == pytest.approx(5 * 18_238, abs=40)
    assert done(job) == [0, 1, 2, 3, 4]


def test_an_index_works_through_its_own_parts_only(job: Stages):
    assert transcribe(job, "1,3", engine(job)).finished == "1,3"
    assert done(job) == [1, 3]


def test_a_finished_part_is_adopted_and_not_computed_again(job: Stages):
    transcribe(job, "0-2", engine(job))
    before = decoded(job)
    again = transcribe(job, "0-4", engine(job))
    assert again.finished == "0-4"
    assert again.audio_milliseconds == pytest.approx(5 * 18_238, abs=40)
    assert decoded(job)[: len(before)] == before
    assert all(start > 3 * 18.2 for start in decoded(job)[len(before) :])


def test_when_everything_is_finished_no_word_is_computed(job: Stages):
    transcribe(job, "0-4", engine(job))
    before = decoded(job)
    assert transcribe(job, "0-4", engine(job)).finished == "0-4"
    assert decoded(job) == before


def test_prepare_is_adopted_with_all_its_facts(job: Stages):
    request = job.request(StageName.PREPARE)
    adopted = job.run(request, engine=None)
    assert (adopted.exit_code, adopted.parts) == (0, 5)
    assert adopted.media == job.media().media


def test_a_damaged_finished_part_is_not_adopted(job: Stages):
    transcribe(job, "0", engine(job))
    (file,) = (job.folder / "artifacts" / "transcribe" / "00000").glob("*-transcript.json")
    file.write_bytes(b"{}")
    result = transcribe(job, "0", engine(job))
    assert result.exit_code == 1
    assert "does not have the digest" in result.message


def test_damaged_input_is_not_transcribed(job: Stages):
    (file,) = (job.folder / "artifacts" / "prepare" / "00000").glob("*-00002.flac")
    file.write_bytes(file.read_bytes()[:-1])
    result = transcribe(job, "0-4", engine(job))
    assert (result.exit_code, result.finished) == (1, "0-1")
    assert result.failures[0].part == 2
    assert done(job) == [0, 1]


def test_transcribing_what_was_not_prepared_fails_in_words(tmp_path: Path):
    stages = Stages(tmp_path, SAMPLES / "monologue.wav")
    result = stages.run(stages.request(TRANSCRIBE), object())
    assert (result.exit_code, result.message) == (1, "prepare/00000/manifest.json is missing")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (65, FailureKind.INPUT),
        (69, FailureKind.UNAVAILABLE),
        (1, FailureKind.CRASH),
    ],
)
def test_an_error_ends_the_run_with_its_exit_code(job: Stages, code: int, kind: FailureKind):
    crash = {"after": 2, "count": "parts", "how": "raise", "exit_code": code}
    result = transcribe(job, "0-4", engine(job, crash=crash))
    assert (result.exit_code, result.finished) == (code, "0-1")
    (failure,) = result.failures
    assert (failure.part, failure.kind) == (2, kind)
    assert failure.message == result.message == "the oracle was told to fail"
    assert done(job) == [0, 1]


def test_a_retry_goes_on_where_the_first_try_ended(job: Stages):
    marker = job.folder / "crashed"
    crash = {"after": 2, "count": "parts", "how": "raise", "once": str(marker)}
    first = transcribe(job, "0-4", engine(job, crash=crash))
    assert (first.exit_code, first.finished, marker.exists()) == (1, "0-1", True)
    second = transcribe(job, "0-4", engine(job, crash=crash))
    assert (second.exit_code, second.finished) == (0, "0-4")
    assert len(decoded(job)) == len(set(decoded(job)))
    assert job.merge().text == "word0 word1 word2 word3 word4"


@pytest.mark.parametrize(
    ("error", "code"), [(EngineUnavailable("no weights"), 69), (InputError("no"), 65)]
)
def test_an_engine_that_cannot_be_loaded_ends_the_run(job: Stages, error: StageError, code: int):
    def load() -> object:
        raise error

    result = job.run(job.request(TRANSCRIBE), None, load=load)
    assert (result.exit_code, result.message, result.finished) == (code, str(error), "")


def test_a_stage_without_a_driver_is_unavailable_here(job: Stages):
    result = job.run(job.request(StageName.DIARIZE), object())
    assert result.exit_code == 69
    assert result.message == "this version has no driver for stage diarize"


class Exhausted:
    """An engine that runs out of memory."""

    def transcribe(
        self, windows: Sequence[Audio], options: TranscribeOptions
    ) -> Iterator[Hypothesis]:
        raise MemoryError


class Terse(Exhausted):
    """An engine that breaks its contract: it skips a window."""

    def transcribe(
        self, windows: Sequence[Audio], options: TranscribeOptions
    ) -> Iterator[Hypothesis]:
        return iter([Hypothesis()] * (len(windows) - 1))


def test_running_out_of_memory_is_said(job: Stages):
    result = transcribe(job, "0", Exhausted())
    assert (result.exit_code, result.message) == (1, "out of memory")


def test_an_engine_that_skips_a_window_is_found_out(job: Stages):
    result = transcribe(job, "0", Terse())
    assert result.exit_code == 1
    assert result.message == "the engine returned fewer hypotheses than it was given windows"


def stop_after(count: int) -> Callable[[], bool]:
    asked = iter(range(1000))
    return lambda: next(asked) >= count


def test_a_run_asked_to_stop_ends_between_windows_and_leaves_no_half_part(job: Stages):
    result = transcribe(job, "0-4", engine(job), stopping=stop_after(1))
    assert (result.exit_code, result.finished) == (143, "")
    assert len(decoded(job)) == 2
    assert done(job) == []


def test_parts_finished_before_a_stop_stay(job: Stages):
    def stopping() -> bool:
        return len(decoded(job)) > len(job.part(0).windows)

    result = transcribe(job, "0-4", engine(job), stopping=stopping)
    assert (result.exit_code, result.finished) == (143, "0")
    assert done(job) == [0]
    assert transcribe(job, "0-4", engine(job)).finished == "0-4"
    assert len(decoded(job)) == len(set(decoded(job))) + 1


def test_prepare_stops_too(tmp_path: Path):
    stages = Stages(tmp_path, SAMPLES / "monologue.wav")
    world = stages.world(stopping=lambda: True)
    result = stages.run(stages.request(StageName.PREPARE), silero(), world)
    assert result.exit_code == 143
    assert stages.artifacts.manifest(StageName.PREPARE, 0) is None


def test_progress_only_grows_and_never_exceeds_the_audio(job: Stages):
    reports: list[StageResult] = []
    dropping = oracle(job.folder, truth=[job.folder], dropped=[[0, 1000]])
    last = transcribe(job, "0-4", dropping, report=reports.append)
    progress = [report.audio_milliseconds for report in reports]
    assert progress == sorted(progress)
    assert len(progress) > 10
    assert max(progress) <= last.audio_milliseconds == progress[-1]
    assert all(report.exit_code is None for report in reports)
    finished = [PartSet.parse(report.finished) for report in reports]
    assert finished[0] == PartSet()
    assert all(earlier <= later for earlier, later in pairwise(finished))


def test_time_is_told_apart_by_what_it_went_into(job: Stages):
    timings = transcribe(job, "0-4", engine(job)).timings
    assert timings.started_milliseconds > 0
    assert 0 < timings.engine_milliseconds < timings.worked_milliseconds


def test_merge_and_export_in_one_pod_report_the_document(job: Stages):
    transcribe(job, "0-4", engine(job))
    covers = (StageName.MERGE, StageName.EXPORT)
    result = job.run(job.request(StageName.MERGE, covers), None)
    assert result.document is not None
    assert (result.document.words, result.exit_code) == (5, 0)
    assert [file.name.rpartition("-")[2] for file in result.files] == [
        "transcript.txt",
        "transcript.srt",
        "transcript.vtt",
        "transcript.json",
    ]
    for file in result.files:
        content = job.artifacts.storage.read(file.name)
        assert len(content) == file.bytes


def test_a_result_with_many_long_warnings_stays_small(job: Stages):
    told = [{"reason": f"Reason{n}", "message": "\u00e9" * 5000} for n in range(20)]
    transcribe(job, "0-4", engine(job, warnings=told))
    covers = (StageName.MERGE, StageName.EXPORT)
    result = job.run(job.request(StageName.MERGE, covers), None)
    assert len(result.warnings) == 8
    encoded = result.encode()
    assert len(encoded) <= MAX_RESULT_BYTES
    sent = StageResult.model_validate_json(encoded)
    assert 0 < len(sent.warnings) < 8
    assert (sent.finished, sent.document, sent.files) == ("0", result.document, result.files)


def test_a_long_failure_stays_small(job: Stages):
    def load() -> object:
        raise EngineUnavailable("\u00e9" * 5000)

    result = job.run(job.request(TRANSCRIBE), None, load=load)
    assert len(result.encode()) <= MAX_RESULT_BYTES
    assert result.message.startswith("\u00e9\u00e9")


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(
            StageResult(index=0, finished=str(PartSet.of(range(0, 4000, 2)))),
            id="very many scattered parts",
        ),
        pytest.param(
            StageResult(
                index=0,
                failures=tuple(
                    PartFailure(part=part, message="\U0001f600" * 256) for part in range(5)
                ),
                message="\U0001f600" * 512,
                exit_code=65,
            ),
            id="wide characters in every failure",
        ),
    ],
)
def test_any_result_stays_small_and_says_nothing_untrue(result: StageResult):
    encoded = result.encode()
    assert len(encoded) <= MAX_RESULT_BYTES
    sent = StageResult.model_validate_json(encoded)
    assert PartSet.parse(sent.finished) <= PartSet.parse(result.finished)
    assert sent.failures == result.failures[:1]
    assert sent.exit_code == result.exit_code


def test_two_runs_at_once_agree_on_the_first(job: Stages):
    """The loser of a race between two tries keeps the winner's part and reports it as done."""
    overtaken = False

    class Slow:
        def transcribe(
            self, windows: Sequence[Audio], options: TranscribeOptions
        ) -> Iterator[Hypothesis]:
            nonlocal overtaken
            if not overtaken:
                overtaken = True
                assert transcribe(job, "0", engine(job)).exit_code == 0
            return iter([Hypothesis()] * len(windows))

    result = transcribe(job, "0", Slow())
    assert (result.exit_code, result.finished) == (0, "0")
    assert [segment.text for segment in job.part_transcript(0).segments] == ["word0"]
