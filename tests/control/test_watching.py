import json
from typing import Any

import pytest
from hypothesis import given

from paramgroups.control import MAKERS, Observation, ask, greedy, plateau
from paramgroups.errors import ParamGroupsError, RuleError, SelectorError
from paramgroups.select import where
from tests.control.strategies import METRICS, controllers, watchers


@given(controllers(), METRICS)
def test_a_resume_at_any_point_goes_on_as_an_unbroken_run(controller: Any, metrics: list[float]) -> None:
    unbroken = resumed = controller.begin()
    for step, value in enumerate(metrics):
        seen = Observation(step, {"loss": value})
        unbroken, rules = ask(controller, unbroken, seen)
        resumed, again = ask(controller, json.loads(json.dumps(resumed, allow_nan=False)), seen)
        assert json.dumps(resumed) == json.dumps(unbroken)
        assert again == rules


@given(watchers(), METRICS)
def test_the_product_is_that_of_the_factors_and_keeps_its_bounds(watcher: Any, metrics: list[float]) -> None:
    state, product = watcher.begin(), 1.0
    for step, value in enumerate(metrics):
        state, rules = watcher.observe(state, Observation(step, {"loss": value}))
        for one in rules:
            assert one.settings["lr_scale"] != 1
            product *= one.settings["lr_scale"]
        assert state["product"] == pytest.approx(product, rel=1e-12)
        assert watcher.floor <= state["product"] <= (watcher.ceiling or float("inf"))


@given(watchers())
def test_it_is_data_and_its_repr_pastes_back(watcher: Any) -> None:
    data = json.loads(json.dumps(watcher.to_data()))
    assert MAKERS[data.pop("use")](**data) == watcher
    assert eval(repr(watcher), {"plateau": plateau, "greedy": greedy}) == watcher  # noqa: S307  # our own text


def test_what_it_says_of_itself() -> None:
    cut = plateau('heads."a:b" | :bias', "val/loss", factor=0.5)
    assert repr(cut) == "plateau('heads.\"a:b\" | :bias', 'val/loss', factor=0.5)"
    assert cut.title == 'plateau("heads.\\"a:b\\" | :bias", "val/loss")'
    assert cut.metrics == ("val/loss",)
    assert [one.text for one in cut.selectors] == ['heads."a:b" | :bias']
    assert cut.to_data() == {
        "use": "plateau", "select": 'heads."a:b" | :bias', "metric": "val/loss", "factor": 0.5,
    }  # fmt: skip
    assert cut == plateau('heads."a:b"|:bias', "val/loss", factor=0.5)
    assert hash(cut) == hash(plateau('heads."a:b"|:bias', "val/loss", factor=0.5))
    assert cut != plateau("head", "val/loss", factor=0.5)
    assert repr(plateau("head", "loss")) != repr(greedy("head", "loss"))


def test_numbers_have_one_form() -> None:
    assert (
        repr(plateau("head", "loss", factor=2, floor=0, ceiling=4))
        == "plateau('head', 'loss', factor=2.0, ceiling=4.0)"
    )


def test_a_selector_that_is_a_function_is_no_data() -> None:
    cut = plateau(where("large", lambda row: row.numel > 10), "loss")
    with pytest.raises(RuleError, match="its selector is a function, and a function is no data"):
        cut.to_data()
    assert repr(cut).startswith("plateau(<Selector")


@pytest.mark.parametrize("kind", [plateau, greedy])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 0}, r"factor=0: a factor is above 0 and not 1\. 0\.1 cuts"),
        ({"factor": 1.0}, r"factor=1\.0: a factor is above 0 and not 1"),
        ({"factor": -0.5}, r"factor=-0\.5: a factor is at least 0"),
        ({"factor": float("nan")}, r"factor=nan is out of its domain"),
        ({"factor": "0.1"}, r"factor='0\.1' is no number"),
        ({"patience": -1}, r"patience=-1 is not between 0"),
        ({"patience": 2.0}, r"patience=2\.0 is a float\. Write patience=2"),
        ({"patience": True}, r"patience=True is a bool"),
        ({"cooldown": "3"}, r"cooldown='3' is a str"),
        ({"mode": "mni"}, r"mode='mni' is not known\. Nearest: \"min\""),
        ({"threshold": -1e-4}, r"threshold=-0\.0001: give a number of at least 0"),
        ({"threshold": float("inf")}, r"threshold=inf is out of its domain"),
        ({"threshold": 1.0, "threshold_mode": "relative"}, r"give a share below 1"),
        ({"threshold_mode": "rel"}, r"threshold_mode='rel' is not known"),
        ({"floor": 1.5}, r"floor=1\.5 is a share of the planned rate: give 0 to 1"),
        ({"floor": -0.1}, r"floor=-0\.1 is a share of the planned rate: give 0 to 1"),
        ({"ceiling": 1.0}, r"ceiling=1\.0 is a multiple of the planned rate: give more than 1"),
        ({"ceiling": -2.0}, r"ceiling=-2\.0 is a multiple of the planned rate: give more than 1"),
        ({"nan": "skip"}, r"nan='skip' is not known"),
        ({"metric": "lambda"}, r'metric="lambda" is a word of Python'),
        ({"metric": " "}, r"metric=' ': give a name"),
        ({"metric": ["a"]}, r"metric=\['a'\]: give a name"),
    ],
    ids=lambda value: "-".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_what_has_no_meaning_is_refused(kind: Any, options: dict[str, Any], message: str) -> None:
    options = dict(options)
    with pytest.raises(RuleError, match=message):
        kind("head", options.pop("metric", "loss"), **options)


@pytest.mark.parametrize("kind", [plateau, greedy])
def test_options_are_given_by_name(kind: Any) -> None:
    with pytest.raises(TypeError, match="positional"):
        kind("head", "loss", 0.5)


@pytest.mark.parametrize("options", [{"window": 0}, {"restart": 0}, {"settle": -1}], ids=str)
def test_what_greedy_counts_is_checked(options: dict[str, int]) -> None:
    with pytest.raises(RuleError, match="is not between"):
        greedy("head", "loss", **options)  # type: ignore[arg-type]  # one of several options


@pytest.mark.parametrize("selector", [None, 3, "head |", ["head"]], ids=repr)
def test_what_is_no_selector_is_refused(selector: Any) -> None:
    with pytest.raises(SelectorError):
        plateau(selector, "loss")


def test_a_threshold_below_one_is_asked_only_of_a_share_that_falls() -> None:
    assert plateau("head", "acc", mode="max", threshold=1.5).threshold == 1.5
    assert plateau("head", "loss", threshold_mode="absolute", threshold=1.5).threshold == 1.5


@given(watchers(), METRICS)
def test_nan_as_an_error_names_metric_and_step(watcher: Any, metrics: list[float]) -> None:
    strict = MAKERS[watcher.word](select="head", metric="loss", **{**watcher.options(), "nan": "error"})
    bad = float("-inf") if watcher.mode == "min" else float("inf")
    state = strict.begin()
    for step, value in enumerate(metrics):
        if value != value or value == bad:  # noqa: PLR0124  # NaN
            with pytest.raises(ParamGroupsError, match=f"loss is {value} at step {step}"):
                strict.observe(state, Observation(step, {"loss": value}))
        else:
            state, _ = strict.observe(state, Observation(step, {"loss": value}))
