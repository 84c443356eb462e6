"""Functions that make selectors, against their text."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch import nn

from paramgroups import select
from paramgroups.errors import SelectorError
from paramgroups.select import Selector, parse
from tests.select.models import INDEX

loose: Any = select  # mistakes have no types


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (select.name("encoder.*"), "encoder.*"),
        (select.regex(r"a/b\.c"), r"/a\/b\.c/"),
        (select.regex(r"a\/b"), r"/a\/b/"),
        (select.role("norm"), ":norm"),
        (select.type("LayerNorm"), "@LayerNorm"),
        (select.type(nn.LayerNorm), "@LayerNorm"),
        (select.type("odd name"), '@"odd name"'),
        (select.depth(6), "[depth==6]"),
        (select.depth(">=6"), "[depth>=6]"),
        (select.depth(" >= 6 "), "[depth>=6]"),
        (select.depth(">=", 6), "[depth>=6]"),
        (select.depth("6"), "[depth==6]"),
        (select.ndim("!=", np.int64(2)), "[ndim!=2]"),
        (select.attribute("dtype", "float32"), "[dtype==float32]"),
        (select.attribute("tower", "!=", "a b"), '[tower!="a b"]'),
        (select.attribute("trainable", True), "[trainable==true]"),
        (select.attribute("trainable", "!=true"), "[trainable!=true]"),
        (select.stat("rms", ">0.5"), "[rms>0.5]"),
        (select.stat("rms", ">", np.float32(0.5)), "[rms>0.5]"),
        (select.rows("embed.weight", 3), "embed.weight[3:]"),
        (select.rows("embed.weight", None, -3), "embed.weight[:-3]"),
        (loose.rows(parse("embed | head"), 0, np.int64(2)), "(embed | head)[0:2]"),
        (select.named(["a.b", "c.*"]), 'a.b | c."*"'),
        (select.named("a"), "a"),
    ],
)
def test_a_constructor_makes_what_the_text_says(made: Selector, text: str) -> None:
    assert made == parse(text)
    assert parse(made.text) == made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: loose.name("encoder:bias"), "more than a path"),
        (lambda: loose.name("a b"), "second name"),
        (lambda: loose.regex("("), "no regular expression"),
        (lambda: loose.regex(3), "A regular expression is text"),
        (lambda: loose.role("bais"), 'no role. Nearest: "bias"'),
        (lambda: loose.role(["bias"]), "A role is text"),
        (lambda: loose.type(3), "a class or its name"),
        (lambda: loose.type(len), "a class or its name"),
        (loose.depth, "Write attribute"),
        (lambda: loose.depth(">", 1, 2), "Write attribute"),
        (lambda: loose.depth(">=six"), "finite number"),
        (lambda: loose.depth(">=", "6"), "finite number"),
        (lambda: loose.depth("=>", 6), "compared by"),
        (lambda: loose.depth(True), "finite number"),
        (lambda: loose.depth(10**5000), "whole numbers below"),
        (lambda: loose.depth(float("nan")), "finite number"),
        (lambda: loose.depth(None), "finite number"),
        (lambda: loose.attribute("dpeth", 3), 'Nearest: "depth"'),
        (lambda: loose.attribute(3, 3), "name of an attribute is text"),
        (lambda: loose.attribute(["depth"], 3), "name of an attribute is text"),
        (lambda: loose.attribute("dtype", 3), "compared with text"),
        (lambda: loose.stat("depth", 3), "no statistic"),
        (lambda: loose.stat("rsm", ">0"), 'no statistic. Nearest: "rms"'),
        (lambda: loose.rows("a", 1.5), "whole numbers"),
        (lambda: loose.rows("a", True), "whole numbers"),
        (lambda: loose.rows("a", 10**5000), "whole numbers below"),
        (lambda: loose.named([]), "one name or more"),
        (lambda: loose.named([3]), "A name is text; found 3"),
        (loose.where, "Write where"),
        (lambda: loose.where("label"), "Write where"),
        (lambda: loose.where(3, len), "Write where"),
    ],
)
def test_a_wrong_call_is_an_error_of_ours(make: Callable[[], Selector], message: str) -> None:
    with pytest.raises(SelectorError, match=message):
        make()


def test_a_type_matches_modules_of_derived_types() -> None:
    found = select.type("LayerNorm").select(INDEX)
    assert len(found) == 6
    assert len(select.type("FusedLayerNorm").select(INDEX)) == 2


def test_a_role_is_one_of_all_that_a_parameter_has() -> None:
    assert (select.role("norm") & select.role("bias")).select(INDEX) == parse("**.norm1.bias").select(INDEX)


def test_names_select_what_they_name_and_no_more() -> None:
    names = [row.name for row in INDEX if row.depth > 1]
    assert list(select.named(names).select(INDEX).names) == names
