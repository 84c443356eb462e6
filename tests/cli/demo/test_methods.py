"""The four recipes do what their titles say."""

import pytest

from paramgroups.cli.demo.methods import METHODS, RATES, Method
from paramgroups.cli.demo.network import new_network
from paramgroups.planning import Plan, plan

ONE, FROZEN, DIFFERENTIAL, GRADUAL = METHODS


def planned(method: Method, steps: int = 100) -> Plan:
    return plan(new_network(0), method.recipe(0.01), steps=steps)


def rates(found: Plan) -> dict[str, float]:
    return {group.name: group.lr for group in found.groups}


def test_one_rate_is_one_group() -> None:
    found = planned(ONE)
    assert rates(found) == {"all": 0.01}
    assert not found.frozen


def test_a_frozen_backbone_trains_the_head_alone() -> None:
    found = planned(FROZEN)
    assert rates(found) == {"head": 0.01}
    assert {row.name.partition(".")[0] for row in found.frozen} == {"stem", "blocks"}


@pytest.mark.parametrize("method", [DIFFERENTIAL, GRADUAL])
def test_each_level_has_half_the_rate_of_the_one_above(method: Method) -> None:
    expected = {"stem, blocks.0": 0.00125, "blocks.1": 0.0025, "blocks.2": 0.005, "head": 0.01}
    assert rates(planned(method)) == pytest.approx(expected)


def test_layers_thaw_from_the_top_down() -> None:
    found = planned(GRADUAL)
    thawed = {group.name: found.curve(group.names[0], "trainable").index(True) for group in found.groups}
    assert thawed == {"head": 0, "blocks.2": 10, "blocks.1": 20, "stem, blocks.0": 30}


def test_each_thaw_begins_with_a_small_rate_and_all_end_small() -> None:
    found = planned(GRADUAL)
    for group in found.groups:
        trainable = found.curve(group.names[0], "trainable")
        live = [rate for rate, now in zip(found.curve(group.names[0]), trainable, strict=True) if now]
        assert live[0] <= max(live) / 7
        assert max(live) == pytest.approx(group.lr)
        assert live[-1] < 0.06 * group.lr


def test_the_second_and_third_have_no_schedule() -> None:
    for method in METHODS[:3]:
        found = planned(method)
        assert all(len(set(found.curve(group.names[0]))) == 1 for group in found.groups)


def test_names_are_file_names_and_rates_ascend() -> None:
    assert len({method.name for method in METHODS}) == 4
    assert all(method.name.replace("-", "").isalpha() for method in METHODS)
    assert list(RATES) == sorted(set(RATES))
