"""Selectors of every form that has a text."""

from itertools import pairwise

from hypothesis import strategies as st

from paramgroups.select import (
    Selector,
    attribute,
    parse,
    regex,
    role,
    rows,
    type,  # noqa: A004 - a word of the language
)
from paramgroups.select.nodes import Path
from paramgroups.select.segments import DEEP, Choice, Literal, Piece, Segment, Span, Star
from paramgroups.select.selector import made

WORDS = ["encoder", "layer", "0", "1", "10", "attn", "q_proj", "norm1", "weight", "bias", "head", "embed"]
ODD = ["gpt-2", "a:b", "-", "é", 'x"y', "back\\slash", "new\nline", "{0}", "*", " ", "\x00", "\ud800"]

literals = st.sampled_from(WORDS + ODD).map(Literal)
spans = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda ends: Span(min(ends), max(ends)))


def apart(found: list[Piece]) -> bool:
    """Literal text beside literal text is one piece, and two stars are no star."""
    pairs = pairwise(found)
    return not any(isinstance(a, kind) and isinstance(b, kind) for a, b in pairs for kind in (Literal, Star))


def row_of(of: st.SearchStrategy[Piece]) -> st.SearchStrategy[tuple[Piece, ...]]:
    return st.lists(of, min_size=1, max_size=3).filter(apart).map(tuple)


simple = st.one_of(literals, st.builds(Star))
options = st.one_of(row_of(simple), st.tuples(spans))
choices = st.lists(options, min_size=1, max_size=3).map(lambda found: Choice(tuple(found)))
pieces = row_of(st.one_of(simple, choices))
segments = st.one_of(literals.map(lambda one: Segment((one,))), pieces.map(Segment), st.just(DEEP))
paths = st.lists(segments, min_size=1, max_size=5).map(lambda found: made(Path(tuple(found))))

numbers = st.one_of(st.integers(-5, 40), st.floats(allow_nan=False, allow_infinity=False))
signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
conditions = st.one_of(
    st.builds(
        attribute, st.sampled_from(["depth", "levels", "ndim", "numel", "fan_in", "fan_out"]), signs, numbers
    ),
    st.builds(attribute, st.sampled_from(["rms", "mean"]), signs, numbers),
    st.builds(attribute, st.just("trainable"), st.sampled_from(["==", "!="]), st.booleans()),
    st.builds(
        attribute,
        st.sampled_from(["tower", "dtype", "role", "module_type"]),
        st.sampled_from(["==", "!="]),
        st.sampled_from(["", "decoder", "float32", "Linear", "bias", *ODD]),
    ),
)
ends = st.none() | st.integers(-12, 12)
leaves: st.SearchStrategy[Selector] = st.one_of(
    paths,
    conditions,
    st.sampled_from(["norm", "bias", "weight", "head", "embedding", "linear"]).map(role),
    st.sampled_from(["LayerNorm", "Linear", "Module", "no such", "a·b", "9"]).map(type),
    st.sampled_from([r".*\.bias", "a/b", r"a\/b", r"\\/", "", r"encoder\.layer\.1\d?\..*", "[/]"]).map(regex),
)
selectors: st.SearchStrategy[Selector] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
        st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
        st.tuples(inner, inner).map(lambda two: two[0] - two[1]),
        inner.map(lambda one: ~one),
        st.tuples(st.just(parse("[ndim>=1]")), ends, ends).map(lambda three: rows(*three)),
        st.tuples(inner.map(lambda one: one | "head"), ends, ends).map(lambda three: rows(*three)),
    ),
    max_leaves=8,
)
