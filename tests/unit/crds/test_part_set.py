"""Part sets behave as sets, and their interval strings read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import StageResult

parts = st.frozensets(st.integers(0, 400))


@given(parts)
def test_an_interval_string_reads_back(members: frozenset[int]) -> None:
    written = str(PartSet.of(members))
    assert frozenset(PartSet.parse(written)) == members


@given(parts, parts)
def test_part_sets_combine_as_sets_do(left: frozenset[int], right: frozenset[int]) -> None:
    one, other = PartSet.of(left), PartSet.of(right)
    assert frozenset(one | other) == left | right
    assert frozenset(one & other) == left & right
    assert frozenset(one - other) == left - right
    assert (one <= other) == (left <= right)
    assert len(one) == len(left)
    assert bool(one) == bool(left)


@given(parts)
def test_the_contiguous_start_ends_before_the_first_missing_part(members: frozenset[int]) -> None:
    found = PartSet.of(members).contiguous_start()
    assert found not in members
    assert set(range(found)) <= members


@given(parts.filter(bool), st.integers(1, 12))
def test_runs_cover_the_parts_in_order_and_evenly(members: frozenset[int], count: int) -> None:
    runs = PartSet.of(members).runs(count)
    assert [part for run in runs for part in run] == sorted(members)
    sizes = [len(run) for run in runs]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("members", "text"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([7], "7", id="one part"),
        pytest.param([0, 1, 2, 60], "0-2,60", id="a run and a part"),
        pytest.param([3, 4], "3-4", id="a short run"),
    ],
)
def test_intervals_are_written_in_their_shortest_form(members: list[int], text: str) -> None:
    assert str(PartSet.of(members)) == text


@pytest.mark.parametrize(
    "text", ["a", "1-", "5-3", "1,,2", "-4", "1 2", "1_0", "+1", "\u0663", "0-99999999999"]
)
def test_a_malformed_string_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        PartSet.parse(text)


def test_no_message_can_carry_a_malformed_string() -> None:
    for text in ("5-3", "0-99999999999"):
        with pytest.raises(ValidationError, match="interval"):
            StageResult(index=0, finished=text)


def test_the_first_parts_are_counted_from_zero() -> None:
    assert list(PartSet.first(3)) == [0, 1, 2]
    assert 2 in PartSet.first(3)
    assert 3 not in PartSet.first(3)
