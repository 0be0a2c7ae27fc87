"""What the meter counts: the time in which an endpoint is not asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlcore.engine.download.meter import BackOff, Meter

SECONDS = st.integers(0, 50)


@given(st.lists(st.tuples(SECONDS, SECONDS), max_size=6), SECONDS)
def test_back_offs_that_overlap_count_once_and_what_is_to_come_does_not_count(
    told: list[tuple[int, int]], more_s: int
) -> None:
    """Each second of whole ones either belongs to a back-off that was told, or does not."""
    back_off, barred, now_s = BackOff(), set[int](), 0
    for after_s, wait_s in told:
        now_s += after_s
        back_off.lasts(now_s, now_s + wait_s)
        barred |= set(range(now_s, now_s + wait_s))
    now_s += more_s
    assert back_off.past_s(now_s) == len([second for second in barred if second < now_s])


def test_progress_has_what_an_endpoint_cost() -> None:
    meter = Meter()
    meter.back_offs["dp"].lasts(1.0, 4.0)
    meter.request_failed("dp", 0.5)
    meter.request_failed("dp", 0.25)
    meter.rejected("dp", 100)
    told = meter.progress_of("dp", 3.0)
    assert (told.backed_off_s, told.failed_s, told.rejected_bytes) == (2.0, 0.75, 100)
    other = meter.progress_of("other", 3.0)
    assert (other.backed_off_s, other.failed_s, other.rejected_bytes) == (0.0, 0.0, 0)
