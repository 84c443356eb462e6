"""Twenty selectors over 46,848 names."""

import pytest

from paramgroups.indexing import Index
from paramgroups.select import named, nearest_match, parse
from tests.select.models import row
from tests.support import calls_of

PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
SELECTORS = [
    "layers.{10..20}.mlp.experts.*.up_proj",
    "**.down_proj",
    "**.{gate,up}_proj.weight",
    "layers.**.weight",
    "layers.3",
    "layers.*.mlp.experts.{0..5}",
    "**.experts.*.up_proj",
    "*.*.mlp.*.*.up_proj.*",
    r"/layers\.\d+\..*up_proj.*/",
    ":bias",
    ":linear",
    "~:linear",
    "@Linear",
    "@Module",
    "[fan_in>=1024]",
    "[depth>=6]",
    "[ndim==2] & [numel>10]",
    ":linear - layers.3",
    "[depth>=6] | ~layers.1",
    "layers.7:weight[0:2]",
]


def mixture() -> Index:
    names = [
        (f"layers.{layer}.mlp.experts.{expert}.{projection}.weight", layer)
        for layer in range(61)
        for expert in range(256)
        for projection in PROJECTIONS
    ]
    return Index([row(name, depth=depth) for name, depth in names])


@pytest.mark.slow
def test_twenty_selectors_over_a_large_mixture_of_experts_call_no_function_for_each_name() -> None:
    index = mixture()
    assert len(SELECTORS) == 20
    for text in SELECTORS:
        parse(text).select(index)
    # Twenty times 46,848 names, in fewer calls than names: arrays are compared, and distinct values.
    selectors = [parse(text) for text in SELECTORS if not text.startswith("/")]
    assert calls_of(lambda: [selector.select(index) for selector in selectors]) < len(index)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("layers.*.mlp.expert.*.up_proj", ("layers.*.mlp.experts.*.up_proj", 15616)),
        ("layer.3", ("layers.3", 768)),
        ("**.up_porj.weight", ("**.up_proj.weight", 15616)),
        ("foo.bar.baz.x.y.z", None),
    ],
)
def test_a_near_match_among_many_names_is_found_at_once(text: str, near: tuple[str, int] | None) -> None:
    index = mixture()
    parse("layers").select(index)
    assert nearest_match(parse(text), index) == near
    assert calls_of(lambda: nearest_match(parse(text), index)) < len(index)


@pytest.mark.slow
def test_all_names_one_by_one_are_looked_up() -> None:
    index = mixture()
    selector = named(one.name for one in index)
    assert calls_of(lambda: selector.select(index)) < 25 * len(index)
    assert selector.select(index).whole.all()
