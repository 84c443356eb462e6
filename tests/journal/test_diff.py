from hypothesis import given

from paramgroups.journal import Event, Journal, JournalDiff
from tests.journal.strategies import JOURNALS, NEAR_JOURNALS

FIRST, SECOND, THIRD = (
    Event(step, "scale", "scale", "lr", 0.5, 1.0, 0.5, ("head.weight",)) for step in (3, 7, 7.5)
)


def test_what_is_in_one_alone() -> None:
    diff = Journal([FIRST, SECOND]).diff(Journal([FIRST, THIRD]))
    assert diff
    assert diff.only_here == (SECOND,)
    assert diff.only_there == (THIRD,)
    assert diff.parts_at == 7
    assert str(diff).splitlines() == [
        "The journals part at step 7.",
        '- step 7  lr 1 → 0.5  × 0.5  scale  "head.weight"',
        '+ step 7.5  lr 1 → 0.5  × 0.5  scale  "head.weight"',
    ]


def test_equal_journals_have_no_difference() -> None:
    diff = Journal([FIRST]).diff(Journal([FIRST]))
    assert not diff
    assert diff == JournalDiff()
    assert diff.parts_at is None
    assert str(diff) == "The journals are equal."


def test_the_order_counts() -> None:
    diff = Journal([FIRST, SECOND]).diff(Journal([SECOND, FIRST]))
    assert diff.only_here == diff.only_there
    assert len(diff.only_here) == 1


def test_after_a_jump_back_the_first_step_is_the_smallest() -> None:
    assert Journal([SECOND, FIRST]).diff(Journal()).parts_at == 3


@given(JOURNALS)
def test_a_journal_does_not_differ_from_itself(journal: Journal) -> None:
    assert not journal.diff(Journal.from_json_lines(journal.to_json_lines()))


@given(NEAR_JOURNALS, NEAR_JOURNALS)
def test_it_differs_where_they_are_not_equal_and_the_other_way_round_alike(
    here: Journal, there: Journal
) -> None:
    diff, back = here.diff(there), there.diff(here)
    assert bool(diff) == (here != there)
    assert (diff.only_here, diff.only_there) == (back.only_there, back.only_here)
    assert diff.parts_at == back.parts_at
    assert len(here) - len(diff.only_here) == len(there) - len(diff.only_there)
