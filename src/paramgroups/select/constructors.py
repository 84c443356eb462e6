"""Functions that make selectors."""

import builtins
from collections.abc import Callable, Iterable
from numbers import Integral
from reprlib import repr as shown

from paramgroups.errors import SelectorError, nearest
from paramgroups.indexing.row import Row
from paramgroups.select.brackets import read_condition
from paramgroups.select.conditions import LARGEST, STATISTICS, condition
from paramgroups.select.nodes import Path, Rows, Type, Where
from paramgroups.select.operators import both, either
from paramgroups.select.parser import regex_of, role_of, written
from paramgroups.select.segments import literal
from paramgroups.select.selector import Selector, as_selector, made, parse


def name(path: str) -> Selector:
    """The parameters of a name, or under a module: `*` and `**` as in the text form.

    Args:
        path: Segments with dots between them, from the root of the model.

    Raises:
        SelectorError: The text is no path.

    Example:
        >>> name("encoder.*.bias")
        parse('encoder.*.bias')
    """
    selector = parse(path)
    if not isinstance(selector.node, Path):
        raise SelectorError(f'"{path}" is more than a path. Use parse("...") for it, or quote the segment.')
    return selector


def named(names: Iterable[str]) -> Selector:
    """The parameters of these very names, whatever signs are in them.

    Args:
        names: Canonical names or aliases, one or more.

    Raises:
        SelectorError: There are no names.

    Example:
        >>> named(["head.weight", "head.bias"])
        parse('head.weight | head.bias')
    """
    names = [names] if isinstance(names, str) else names
    paths = [Path(tuple(map(literal, written("A name", one).split(".")))) for one in names]
    if not paths:
        raise SelectorError("A selector of names needs one name or more; found none.")
    return made(either(*paths) if len(paths) > 1 else paths[0])


def regex(pattern: str) -> Selector:
    r"""The parameters of which the whole of a name or an alias matches a regular expression.

    Args:
        pattern: In Python's syntax; no slash needs a backslash.

    Raises:
        SelectorError: The pattern is no regular expression.

    Example:
        >>> regex(r"blocks\.\d+\..*")
        parse('/blocks\\.\\d+\\..*/')
    """
    return made(regex_of(pattern))


def role(word: str) -> Selector:
    """The parameters that have a role: `norm`, `bias`, `embedding`, `head` and so on.

    Args:
        word: The role, with no colon.

    Raises:
        SelectorError: There is no such role; the nearest is named.

    Example:
        >>> role("norm")
        parse(':norm')
    """
    return made(role_of(word))


def type(module: str | builtins.type) -> Selector:  # noqa: A001  # `select.type` is a word of the language
    """The parameters that modules of a type hold, or of a type derived from it.

    Args:
        module: The class, or its name without the package.

    Raises:
        SelectorError: It is neither.

    Example:
        >>> type("LayerNorm")
        parse('@LayerNorm')
    """
    found = module.__name__ if isinstance(module, builtins.type) else module
    if not isinstance(found, str) or found.startswith("@"):
        raise SelectorError(
            f'A module type is a class or its name, such as "LayerNorm", with no "@"; found {shown(module)}.'
        )
    return made(Type(found))


def attribute(of: str, *terms: object) -> Selector:
    """The parameters of which an attribute or a statistic compares as said.

    Args:
        of: `depth`, `levels`, `ndim`, `numel`, `fan_in`, `fan_out`, `trainable`, `tower`, `dtype`, `role`,
            `module_type`, or a statistic.
        *terms: A sign and a value (`">=", 6`), both as one text (`">=6"`), or a value to be equal to.

    Raises:
        SelectorError: There is no such attribute, or the terms do not fit it.

    Example:
        >>> attribute("fan_in", ">=", 1024)
        parse('[fan_in>=1024]')
    """
    written("The name of an attribute", of)
    match terms:
        case (str(text),):
            return made(read_condition(of, text))
        case (value,):
            return made(condition(of, "==", value))
        case (str(sign), value):
            return made(condition(of, sign, value))
    raise SelectorError(
        f'Write attribute("{of}", ">=", 6) or attribute("{of}", ">=6"); found {shown(terms)}.'
    )


def depth(*terms: object) -> Selector:
    """The parameters at some depth: `depth(6)`, `depth(">=6")`, `depth(">=", 6)`.

    Args:
        *terms: As for `attribute`; 0 is nearest the input.

    Raises:
        SelectorError: The terms are no comparison with a number.

    Example:
        >>> depth(">=6")
        parse('[depth>=6]')
    """
    return attribute("depth", *terms)


def ndim(*terms: object) -> Selector:
    """The parameters with some number of dimensions: `ndim(2)`, `ndim(">=2")`, `ndim(">=", 2)`.

    Args:
        *terms: As for `attribute`.

    Raises:
        SelectorError: The terms are no comparison with a number.

    Example:
        >>> ndim(">=", 2)
        parse('[ndim>=2]')
    """
    return attribute("ndim", *terms)


def stat(statistic: str, *terms: object) -> Selector:
    """The parameters of whose values a statistic compares as said; NaN is like no number.

    Args:
        statistic: `rms`, `mean`, `std`, `absmax` or `norm`.
        *terms: As for `attribute`.

    Raises:
        SelectorError: There is no such statistic, or the terms are no comparison with a number.

    Example:
        >>> stat("rms", ">", 0.5)
        parse('[rms>0.5]')
    """
    if written("The name of a statistic", statistic) not in STATISTICS:
        raise SelectorError(f'"{statistic}" is no statistic. {nearest(statistic, STATISTICS)}')
    return attribute(statistic, *terms)


def rows(of: Selector | str, start: int | None = None, stop: int | None = None) -> Selector:
    """Rows of dimension 0, counted as Python counts them: from the end when negative.

    Args:
        of: The tensors.
        start: The first row; None for all from the beginning.
        stop: The row before which to stop; None for all to the end.

    Raises:
        SelectorError: An end is no whole number.

    Example:
        >>> rows("embed.weight", 32000)
        parse('embed.weight[32000:]')
    """
    return made(both(as_selector(of).node, Rows(row_number(start), row_number(stop))))


def row_number(end: object) -> int | None:
    """An end of a range of rows."""
    match end:
        case None:
            return None
        case bool():
            pass
        case Integral() if -LARGEST < int(end) < LARGEST:
            return int(end)
    raise SelectorError(f'Rows are whole numbers below {LARGEST:,}: rows("embed.weight", 32000, None).')


def where(*label_and_test: str | Callable[[Row], bool]) -> Selector:
    """The parameters for whose row a function is true: `where(fn)` or `where("label", fn)`.

    No text says what a function does, so such a selector is opaque: a plan saves the names that it found.

    Args:
        *label_and_test: A label for display, the function's name if left out; and the function, from a row of
            the index to a truth value.

    Raises:
        SelectorError: There is no function. `select` raises it too when the function fails.

    Example:
        >>> where("wide", lambda row: row.fan_out > 1000)
        <Selector where(wide)>
    """
    match label_and_test:
        case (test,) if callable(test):
            return made(Where(getattr(test, "__name__", "function"), test))
        case (str(label), test) if callable(test):
            return made(Where(label, test))
    raise SelectorError('Write where(fn) or where("label", fn), where fn takes a row of the index.')
