"""The scorers, on cases whose scores are known."""

import math

import pytest

from dalston_bench.scoring import word_error_rate, word_time_error
from dalston_bench.truth import Word


def words(*timed: tuple[str, float, float]) -> list[Word]:
    return [Word(*item) for item in timed]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [
        pytest.param("a b c d", "a b c d", 0.0, id="equal texts have no errors"),
        pytest.param("A, b. C d!", "a b c d", 0.0, id="case and punctuation do not count"),
        pytest.param("a b c d", "a x c d", 0.25, id="a substitution counts once"),
        pytest.param("a b c d", "a b c", 0.25, id="a deletion counts once"),
        pytest.param("a b c d", "a b b c d", 0.25, id="an insertion counts once"),
        pytest.param("a b", "", 1.0, id="silence loses every word"),
    ],
)
def test_word_error_rate(reference: str, hypothesis: str, rate: float) -> None:
    assert word_error_rate(reference, hypothesis).rate == pytest.approx(rate)


def test_word_time_error_is_taken_over_the_words_both_have() -> None:
    reference = words(("one", 0.0, 0.5), ("two", 1.0, 1.5), ("three", 2.0, 2.5))
    hypothesis = words(("one", 0.1, 0.5), ("too", 1.0, 1.5), ("three", 2.3, 2.5))
    errors = word_time_error(reference, hypothesis)
    assert errors.matched == 2
    assert errors.start_mean == pytest.approx(0.2)
    assert errors.end_mean == pytest.approx(0.0)


def test_no_common_word_gives_no_number_that_could_pass_a_limit() -> None:
    errors = word_time_error(words(("one", 0, 1)), words(("two", 0, 1)))
    assert errors.matched == 0
    assert math.isnan(errors.start_mean)
