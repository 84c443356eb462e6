"""The cascade of one hyperparameter, and pieces of time."""

import math

from hypothesis import given
from hypothesis import strategies as st

from paramgroups.planning.cascade import Cascade, Link, at, cut, merged, parted, span
from tests.support import calls_of

BASE = Link(8.0, scales=False, origin="recipe")
PIECES = ((0.0, 1.0), (3, 2.0), (7, 4.0))


@st.composite
def links(draw: st.DrawFn) -> Link:
    start = draw(st.integers(0, 9) | st.sampled_from([2.5, 7.25]))
    until = draw(st.just(math.inf) | st.integers(1, 5).map(lambda length: start + length))
    return Link(draw(st.sampled_from([0.0, 0.5, 2.0, 8.0])), draw(st.booleans()), "x", start, until)


@given(said=st.lists(links(), max_size=8))
def test_pieces_are_what_all_links_make_at_every_tick(said: list[Link]) -> None:
    chain = Cascade((BASE,))
    for link in said:
        chain = chain.then(link)
    assert chain == Cascade((BASE, *said))
    assert chain.pieces == Cascade((BASE, *said)).pieces
    for tick in (*range(16), 2.5, 7.25, 7.3):
        assert at(chain.pieces, tick) == chain.at(tick)


def test_a_voice_changes_the_pieces_within_it() -> None:
    chain = Cascade((BASE,)).then(Link(0.5, scales=True, origin="x", start=2, until=6))
    assert chain.pieces == ((0.0, 8.0), (2, 4.0), (6, 8.0))
    assert chain.then(Link(3.0, scales=False, origin="y", start=4)).pieces == ((0.0, 8.0), (2, 4.0), (4, 3.0))


def test_what_goes_on_with_the_same_value_is_one_piece() -> None:
    assert merged([(0, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 1.0)]) == ((0, 1.0), (3, 2.0), (5, 1.0))
    chain = Cascade((BASE,)).then(Link(1.0, scales=True, origin="x", start=2, until=6))
    assert chain.pieces == ((0.0, 8.0),)


def test_pieces_at_a_tick() -> None:
    assert [at(PIECES, tick) for tick in (-1, 0, 2.9, 3, 7, 100)] == [1.0, 1.0, 1.0, 2.0, 4.0, 4.0]
    assert [span(PIECES, tick) for tick in (0, 3, 9)] == [(0.0, 3), (3, 7), (7, math.inf)]
    assert span(PIECES, -1) == (-math.inf, 0.0)
    assert span((), 3) == (-math.inf, math.inf)


def test_pieces_are_parted_and_cut_at_a_tick() -> None:
    assert parted(PIECES, 3) == (PIECES[:1], PIECES[1:])
    assert parted(PIECES, math.inf) == (PIECES, ())
    assert cut(PIECES, 3) == PIECES
    assert cut(PIECES, 5) == (*PIECES[:2], (5, 2.0), PIECES[2])


def test_one_more_voice_costs_the_same_after_thousands() -> None:
    def go(chain: Cascade, start: int) -> Cascade:
        return chain.then(Link(1.0 + start % 7, scales=False, origin="x", start=start))

    short = Cascade((BASE,))
    for start in range(10):
        short = go(short, start)
    long = short
    for start in range(10, 3000):
        long = go(long, start)
    assert len(long.pieces) == 3000
    assert calls_of(lambda: go(long, 3000)) <= calls_of(lambda: go(short, 3000)) + 40  # a search by halves
