"""Code objects, and the texts within."""

from paramgroups.auditing.bytecode import codes_of, texts_within


def test_the_code_of_nested_functions_is_there() -> None:
    def outer() -> object:
        def inner() -> object:
            return lambda: "deep"

        return inner

    assert [code.co_name for code in codes_of(outer.__code__)] == ["outer", "inner", "<lambda>"]


def test_texts_are_found_in_whatever_holds_constants() -> None:
    assert list(texts_within(("a", 1, ["b", ("c",)], frozenset({"d"}), None))) == ["a", "b", "c", "d"]
