"""What the parser reads, and what it says of what it cannot read."""

import pytest

from paramgroups.errors import SelectorError
from paramgroups.select import parse


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a | b & c", "a | (b & c)"),
        ("a - b & c", "a - (b & c)"),
        ("a - b | c", "(a - b) | c"),
        ("a - b - c", "(a - b) - c"),
        ("~a & b", "(~a) & b"),
        ("~a:bias", "~(a & :bias)"),
        ("~ a [ndim==2]", "~(a & [ndim==2])"),
        ("a b.c".replace(" ", " & "), "a&b.c"),
        ("encoder :bias", "encoder:bias"),
        ("encoder\n:bias\t", "encoder & :bias"),
        ("((a))", "a"),
        ("(a | b):bias", "(a | b) & :bias"),
        ("a-b", '"a-b"'),
        ("[ depth >= 6 ]", "[depth>=6]"),
        ("a[ 1 : ]", "a[1:]"),
        ("[dtype=='float32']", "[dtype==float32]"),
        ("[rms>5e-1]", "[rms>0.5]"),
        ("{ q , k }_proj", "{q,k}_proj"),
        (r"/a\/b/", "/a[/]b/".replace("[/]", r"\/")),
        ("'a b'", '"a b"'),
        ("@'LayerNorm'", "@LayerNorm"),
    ],
)
def test_two_ways_to_write_one_selector(text: str, same: str) -> None:
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    ("text", "caret", "message"),
    [
        ("", 0, "Here a selector is expected"),
        ("   ", 3, "Here a selector is expected"),
        ("a |", 3, "Here a selector is expected"),
        ("a & & b", 4, "Here a selector is expected"),
        ("a b", 2, 'a second name stands beside the first; write " | " for either'),
        ("a -b", 2, 'Minus stands between spaces: "a - b"'),
        ("a- b", 0, 'Minus stands between spaces: "a - b"'),
        (" - a", 1, "minus has nothing before it"),
        ("where(big)", 5, "a second name stands beside the first"),
        ("(a | b", 0, "never closed"),
        ("a)", 1, "an operator"),
        ("a.", 2, "a segment of a name is expected"),
        ("a..b", 3, "a segment is missing"),
        ("a . b", 2, "an operator"),
        (".weight", 0, r'write "\*\*.weight"'),
        ("a.b**", 3, "as a segment of its own"),
        ("**a", 2, "is a segment of its own"),
        ('"a.b"', 0, "set the dots outside the quotes"),
        ('a."b', 2, "quote is never closed"),
        ("a.b$", 3, "quote a segment that holds it"),
        ("{a,}", 3, "alternative is missing"),
        ("{a", 2, 'here "," or "}" is missing'),
        ("{a{b}}", 2, 'here "," or "}" is missing'),
        ("{0..x}", 1, "A range is of two whole numbers"),
        ("{0...5}", 1, "A range is of two whole numbers"),
        ("{0..99999999999999999999}", 1, "A range is of two whole numbers"),
        ("{5..0}", 1, r'goes upward: "{0..5}"'),
        ("{5*..7}", 3, 'here "," or "}" is missing'),
        ("encoder:bais", 7, 'no role. Nearest: "bias"'),
        ("a: bias", 1, "A role is one word"),
        ("@", 0, "A module type is one word"),
        ("a[0:5", 1, "never closed"),
        ("a[5]", 2, r'write "\[5:6\]"'),
        ("a[-1]", 2, r'write "\[-1:\]"'),
        ("a[0:6:2]", 2, "no step"),
        ("a[0:x]", 2, "Rows are whole numbers"),
        ("a[0:1000000000000000000000]", 2, "Rows are whole numbers below"),
        ("[depth]", 1, "Brackets hold a condition"),
        ("[depth=6]", 1, r'"\[depth==6\]"'),
        ("a [dpeth>=6]", 3, 'no attribute. Nearest: "depth"'),
        ("[depth>=six]", 8, "compared with a finite number.*found 'six'"),
        ("[rms>1e999]", 5, "compared with a finite number.*found inf"),
        ("[rms>nan]", 5, "compared with a finite number"),
        ("[trainable==1]", 12, "compared with true or false"),
        ("[trainable>=true]", 1, 'compared by ==, !=; found ">="'),
        ("[dtype<float32]", 1, 'compared by ==, !=; found "<"'),
        ("[tower==a b]", 8, "text in quotes"),
        ("a | /(/", 4, "This is no regular expression: missing"),
        ("/a", 0, "never closed"),
        ("\x00", 0, "quote a segment"),
        ("a | \ud800", 4, "quote a segment"),
        ("a\n| $", 4, "quote a segment"),
        ("(" * 10_000, 51, "nested more than 50 deep"),
        ("~" * 10_000 + "a", 51, "nested more than 50 deep"),
        ("(a | b - c & " * 10_000, None, "deep"),
        ("/" + "(" * 10_000 + "/", 0, "no regular expression"),
        ("/a{99999999999999999999}/", 0, "no regular expression"),
        ("/" + "a{1" + "0" * 5000 + "}/", 0, "no regular expression"),
        ("{a" * 10_000, 2, "is missing"),
    ],
    ids=lambda value: str(value)[:20].encode("ascii", "replace").decode(),
)
def test_an_error_points_at_the_place_and_says_the_fix(text: str, caret: int | None, message: str) -> None:
    with pytest.raises(SelectorError, match=message) as caught:
        parse(text)
    *_, shown, mark = str(caught.value).splitlines()
    assert mark.strip() == "^"
    assert len(shown) < 160
    if caret is not None:
        assert mark.index("^") == caret + 2


def test_the_error_as_a_user_sees_it() -> None:
    with pytest.raises(SelectorError) as caught:
        parse("encoder.layer.3:bais | head")
    assert str(caught.value) == (
        '":bais" is no role. Nearest: "bias".\n'
        "  encoder.layer.3:bais | head\n"
        "                 ^"
    )  # fmt: skip


def test_a_long_text_is_shown_around_the_place() -> None:
    with pytest.raises(SelectorError) as caught:
        parse("x" * 300 + "$" + "y" * 300)
    _, shown, mark = str(caught.value).splitlines()
    assert shown[mark.index("^")] == "$"
    assert shown.startswith("  …x")
    assert shown.endswith("y…")


def test_an_endless_range_takes_no_memory() -> None:
    assert parse("{0..1000000000}").text == "{0..1000000000}"
