"""How large a round is, how long it may take and what it is called."""

from typing import Any

import pytest
from operator_fixtures import UID, candidate, make_engine

from dalston_crds.part_set import PartSet
from dalston_crds.v1alpha1 import StageName
from dalston_operator.rounds import NAME_LIMIT, index_count, round_name, stage_timeout


def device(**fields: Any) -> dict[str, Any]:
    return {"devices": [{"type": "Cpu", **fields}]}


@pytest.mark.parametrize(
    ("parts", "audio_seconds", "fields", "want"),
    [
        pytest.param(12, 3600, {"speedMilli": 100_000}, 1, id="little work is one index"),
        pytest.param(12, 3600, {"speedMilli": 5_000}, 6, id="each index works for two minutes"),
        pytest.param(3, 36_000, {"speedMilli": 1_000}, 3, id="never more indexes than parts"),
        pytest.param(
            120,
            36_000,
            {"speedMilli": 10_000, "startUpSeconds": 60},
            12,
            id="a slow start asks for more work per index",
        ),
        pytest.param(5, 0, {}, 1, id="unknown length is one index"),
    ],
)
def test_indexes_are_worth_their_start(
    parts: int, audio_seconds: float, fields: dict[str, Any], want: int
) -> None:
    chosen = candidate(make_engine("whisper", "transcribe", **device(**fields)))
    assert index_count(PartSet.first(parts), audio_seconds, chosen) == want


@pytest.mark.parametrize(
    ("speed", "seconds", "override", "want"),
    [
        pytest.param(10_000, 300, None, 300, id="at least five minutes"),
        pytest.param(1_000, 300, None, 1500, id="five times what a part is expected to take"),
        pytest.param(1_000, 300, 42, 42, id="the job's own"),
    ],
)
def test_a_stage_is_given_time(speed: int, seconds: float, override: int | None, want: int) -> None:
    chosen = candidate(make_engine("whisper", "transcribe", **device(speedMilli=speed)))
    assert stage_timeout(chosen, seconds, override) == want


def test_names_are_short_and_tell_rounds_apart() -> None:
    names = {
        round_name(uid, stage, number)
        for uid in (UID, UID.replace("0b8f", "1b8f"))
        for stage in StageName
        for number in (0, 1, 9999)
    }
    assert len(names) == 2 * len(StageName) * 3
    assert max(map(len, names)) <= NAME_LIMIT
