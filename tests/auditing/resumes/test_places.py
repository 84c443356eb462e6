"""Loads by position: other orders, other groups, other groupings, and what is left over."""

import copy
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Adam, AdamW

from tests.auditing.resumes.resumes import look, saved, train
from tests.auditing.setups import codes, small


class Towers(nn.Module):
    """Two towers of one shape."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(4, 3), nn.Linear(4, 3)


def adam(model: nn.Module) -> Adam:
    return Adam(model.parameters(), lr=0.1)


def rates(named: bool = False, **of: float) -> Any:  # noqa: FBT001, FBT002  # a test's switch
    def make(model: nn.Module) -> SGD:
        parts = {name: getattr(model, name) for name in of}
        groups = [
            {"params": part.named_parameters(prefix=name) if named else part.parameters(), "lr": of[name]}
            for name, part in parts.items()
        ]
        return SGD(groups, momentum=0.9)

    return make


def test_the_same_again_is_sound() -> None:
    model = small()
    assert not look(model, adam(model), saved(small(), adam))


def test_shapes_tell_another_order_without_names() -> None:
    model = small()
    backwards = Adam([*model.parameters()][::-1], lr=0.1)
    findings = look(model, backwards, saved(small(), adam))
    assert codes(findings) == ["PG301"]
    assert "3.weight (2, 8) the exp_avg of (8,)" in findings[0].message


def test_names_tell_another_order_of_equal_shapes() -> None:
    order = [("key.weight", 2), ("key.bias", 3), ("query.weight", 0), ("query.bias", 1)]

    def turned(model: nn.Module) -> Adam:
        params = [*model.parameters()]
        return Adam([(name, params[place]) for name, place in order], lr=0.1)

    model = Towers()
    findings = look(model, turned(model), saved(Towers(), lambda m: Adam(m.named_parameters(), lr=0.1)))
    assert codes(findings) == ["PG301"]
    assert findings[0].names == ("key.weight", "key.bias", "query.weight", "query.bias")
    assert not look(model, turned(model), saved(Towers(), turned))


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)))
def test_just_those_are_told_that_would_get_another_s_state(order: list[int]) -> None:
    model = Towers()
    named = [*model.named_parameters()]
    turned = Adam([named[place] for place in order], lr=0.1)
    checkpoint = saved(model, lambda m: Adam(m.named_parameters(), lr=0.1))["optimizer"]
    told = {name for finding in look(model, turned, checkpoint) for name in finding.names}
    before = [checkpoint["state"][place]["exp_avg"] for place in range(4)]
    turned.load_state_dict(checkpoint)
    states = [turned.state[named[place][1]]["exp_avg"] for place in range(4)]
    wrong = {
        named[place][0]
        for place, (then, now) in enumerate(zip(before, states, strict=True))
        if then.shape != now.shape or not torch.equal(then, now)
    }
    assert told == wrong


def test_the_fix_of_named_groups_is_code_that_mends_them() -> None:
    model = Towers()
    saved_state = saved(Towers(), rates(named=True, query=0.1, key=0.1))["optimizer"]
    wrong = rates(named=True, key=0.1, query=0.1)(model)
    fix = look(model, wrong, saved_state)[0].fix
    code = fix.removeprefix("Build the groups as they were saved: ").split("; or resume")[0]
    scope: dict[str, Any] = {"model": model, "saved": saved_state}
    exec(code, scope)  # noqa: S102  # what users paste
    assert not look(model, SGD(scope["groups"], lr=0.1, momentum=0.9), saved_state)


def test_names_of_a_part_that_are_names_of_the_whole_too_are_right() -> None:
    def whole() -> nn.Sequential:
        return nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)))

    old, model = whole(), whole()
    checkpoint = saved(old, lambda m: Adam(m[1].named_parameters(), lr=0.1))
    assert not look(model, Adam(model.get_submodule("1").named_parameters(), lr=0.1), checkpoint)
    assert not look(model, Adam(model.get_submodule("1").parameters(), lr=0.1), checkpoint)


def test_the_order_of_saved_weights_tells_modules_that_changed_places() -> None:
    class Turned(Towers):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.key, self.query = nn.Linear(4, 3), nn.Linear(4, 3)

    model = Turned()
    findings = look(model, adam(model), saved(Towers(), adam))
    assert codes(findings) == ["PG301"]
    assert "by the order of the saved weights: key.weight that of query.weight" in findings[0].message
    assert not look(model, adam(model), saved(Turned(), adam))
    alone = saved(Towers(), adam)["optimizer"]
    assert not look(model, adam(model), alone)


def test_named_groups_that_changed_places() -> None:
    model = Towers()
    findings = look(
        model,
        rates(named=True, key=0.1, query=0.1)(model),
        saved(Towers(), rates(named=True, query=0.1, key=0.1)),
    )
    assert codes(findings) == ["PG302"]
    assert findings[0].names == ("key.weight", "key.bias", "query.weight", "query.bias")


def test_unnamed_groups_whose_rates_changed_places() -> None:
    model = Towers()
    findings = look(model, rates(key=0.01, query=0.1)(model), saved(Towers(), rates(query=0.1, key=0.01)))
    assert codes(findings) == ["PG302"]
    assert "group 0 has lr 0.01, 0.1 was saved in its place" in findings[0].message
    assert not look(model, rates(key=0.01, query=0.1)(model), saved(Towers(), rates(key=0.01, query=0.1)))


def test_groups_by_name_that_changed_places() -> None:
    def make(*names: str) -> Any:
        return lambda model: SGD(
            [{"params": getattr(model, name).parameters(), "name": name} for name in names],
            momentum=0.9,
            lr=0.1,
        )

    model = Towers()
    assert codes(look(model, make("key", "query")(model), saved(Towers(), make("query", "key")))) == ["PG302"]


def test_a_single_parameter_that_changed_its_group() -> None:
    def make(*slow: str) -> Any:
        def groups(model: nn.Module) -> SGD:
            named = [*model.named_parameters()]
            parts: list[dict[str, Any]] = [
                {"params": [pair for pair in named if pair[0] in slow], "lr": 0.1},
                {"params": [pair for pair in named if pair[0] not in slow], "lr": 0.1},
            ]
            return SGD(parts, momentum=0.9)

        return groups

    model = Towers()
    findings = look(model, make("key.weight")(model), saved(Towers(), make("query.weight")))
    assert findings[0].code == "PG302"
    assert findings[0].names == ("key.weight", "query.weight")


def split(model: nn.Module) -> Adam:
    params = [*model.parameters()]
    return Adam([{"params": params[:1]}, {"params": params[1:]}], lr=0.1)


def test_another_grouping_says_what_torch_would_raise() -> None:
    model = small()
    optimizer, checkpoint = split(model), saved(small(), adam)
    findings = look(model, optimizer, checkpoint)
    assert codes(findings) == ["PG303"]
    assert "has 1 group of 6 parameters, and here 2 groups of 1, 5" in findings[0].message
    with pytest.raises(ValueError, match="parameter group"):
        optimizer.load_state_dict(checkpoint["optimizer"])


def test_another_grouping_names_what_is_new() -> None:
    old = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8))
    model = small()
    findings = look(
        model,
        Adam(model.named_parameters(), lr=0.1),
        saved(old, lambda m: Adam(m.named_parameters(), lr=0.1))["optimizer"],
    )
    assert codes(findings) == ["PG303"]
    assert findings[0].names == ("3.weight", "3.bias")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=3), st.lists(st.integers(0, 5), max_size=3))
def test_a_load_raises_just_where_the_audit_says_so(then: list[int], now: list[int]) -> None:
    def cut(model: nn.Module, at: list[int]) -> SGD:
        params, places = [*model.parameters()], [0, *sorted(at), 6]
        parts = [params[a:b] for a, b in pairwise(places)]
        return SGD([{"params": part} for part in parts], lr=0.1)

    model = small()
    state, optimizer = cut(small(), then).state_dict(), cut(model, now)
    told = "PG303" in codes(look(model, optimizer, state))
    try:
        optimizer.load_state_dict(state)
    except ValueError:
        assert told
    else:
        assert not told


def test_what_was_thawed_since_has_no_saved_state() -> None:
    old, model = small(), small()
    old[0].requires_grad_(requires_grad=False)
    findings = look(model, adam(model), saved(old, adam))
    assert codes(findings) == ["PG304"]
    assert findings[0].names == ("0.weight", "0.bias")
    model[0].requires_grad_(requires_grad=False)
    assert not look(model, adam(model), saved(old, adam))


def test_what_gets_no_gradient_here_either_needs_no_state() -> None:
    old, model = small(), small()
    old[0].requires_grad_(requires_grad=False)
    optimizer = adam(model)
    for param in [*model.parameters()][2:]:
        param.grad = torch.zeros_like(param)
    assert not look(model, optimizer, saved(old, adam))
    optimizer.step()
    optimizer.zero_grad()
    assert not look(model, optimizer, saved(old, adam))


def test_a_class_without_state_needs_none() -> None:
    model = small()
    assert not look(
        model, SGD(model.parameters(), lr=0.1), saved(small(), lambda m: SGD(m.parameters(), lr=0.1))
    )


def test_the_state_of_another_class_is_told() -> None:
    model = small()
    findings = look(model, SGD(model.parameters(), lr=0.1), saved(small(), adam))
    assert codes(findings) == ["PG304"]
    assert "another optimizer than SGD: it remembers step, exp_avg, exp_avg_sq. The" in findings[0].message
    findings = look(model, adam(model), saved(small(), lambda m: SGD(m.parameters(), lr=0.1, momentum=0.9)))
    assert codes(findings) == ["PG304"]
    assert "another optimizer than Adam: it remembers momentum_buffer" in findings[0].message


def test_a_close_class_is_sound() -> None:
    model = small()
    findings = look(model, AdamW(model.parameters(), lr=0.1, weight_decay=0.0), saved(small(), adam))
    assert not findings


def test_a_look_changes_nothing() -> None:
    model = small()
    optimizer = adam(model)
    train(model, optimizer)
    checkpoint = saved(small(), adam)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), checkpoint))
    look(model, optimizer, checkpoint)
    after = (model.state_dict(), optimizer.state_dict(), checkpoint)
    torch.testing.assert_close(after, before, rtol=0, atol=0)
