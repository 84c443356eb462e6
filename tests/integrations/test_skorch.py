import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EpochScoring,
    GradientNormClipping,
    LoadInitState,
)
from torch import Tensor, nn

import paramgroups as pg
from paramgroups.errors import HostError
from paramgroups.integrations.skorch import RecipeClassifier, RecipeNet, RecipeRegressor, Waiting
from tests.integrations.skorch_cases import BATCH, EACH, Net, data, judged, net, recipe, same, weights


def loud() -> Any:
    """A callback is data, so it notes on the net what it sees."""

    class Note(Callback):  # type: ignore[misc, unused-ignore]  # skorch has no types
        def on_train_begin(self, net: Any, **_: Any) -> None:
            net.seen_ = []

        def on_batch_begin(self, net: Any, training: bool = False, **_: Any) -> None:  # noqa: FBT001, FBT002  # skorch's form
            if training:
                net.seen_.append((dict(net.scheduler_.rates), net.module_.stem.weight.detach().clone()))

    return Note()


def test_each_update_has_the_planned_rates_and_what_is_frozen_stands_still() -> None:
    found = net(callbacks=[loud()]).fit(*data())
    plan, steps = found.scheduler_.plan, 4 * EACH
    assert (plan.horizon.ticks, plan.horizon.ticks_per_epoch) == (steps, EACH)
    assert found.scheduler_.last_epoch == steps
    curves = {group.name: plan.curve(group.names[0]) for group in plan.groups}
    assert [rates for rates, _ in found.seen_] == [
        {name: curve[step] for name, curve in curves.items()} for step in range(steps)
    ]
    first = Net().stem.weight
    assert [not torch.equal(stem, first) for _, stem in found.seen_] == [
        step > steps // 2 for step in range(steps)
    ]


def test_named_rates_stand_in_the_history() -> None:
    found = net().fit(*data())
    curve = found.scheduler_.plan.curve("head.weight")
    assert found.history[:, "lr/head"] == [curve[epoch * EACH] for epoch in range(4)]


def test_the_length_is_that_of_the_loader() -> None:
    found = net(batch_size=16, train_split=None, iterator_train__drop_last=True).fit(*data())
    assert found.scheduler_.plan.horizon.ticks == 4 * 3


def test_the_history_feeds_controllers() -> None:
    cut = pg.control.plateau("head", "valid_loss", patience=0, threshold=0.9)
    found = net(recipe=recipe(controllers=[cut])).fit(*data())
    assert [event.step for event in found.scheduler_.journal] == [10, 15, 20]


def test_scores_of_callbacks_feed_controllers_too() -> None:
    cut = pg.control.plateau("head", "f1", mode="max", patience=0, threshold=0.9)
    score = EpochScoring("f1_macro", name="f1", lower_is_better=False)
    found = net(recipe=recipe(controllers=[cut]), callbacks=[loud(), ("f1", score)]).fit(*data())
    assert [event.step for event in found.scheduler_.journal] == [10, 15, 20]


class Accumulating(RecipeClassifier):  # type: ignore[misc, unused-ignore]  # skorch has no types
    """An update at every other batch, as skorch's documents write it."""

    def updates_of(self, batches: int) -> int:
        return batches // 2

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        step = self.train_step_single(batch, **fit_params)
        if len(self.history[-1, "batches"]) % 2 == 0:
            self.optimizer_.step()
            self.optimizer_.zero_grad()
        return step


def test_a_batch_without_an_update_is_no_tick() -> None:
    found = Accumulating(Net, recipe=recipe(), max_epochs=4, batch_size=BATCH, verbose=0).fit(*data())
    assert found.scheduler_.last_epoch == found.scheduler_.plan.horizon.ticks == 4 * 2


def test_the_hosts_clipping_acts() -> None:
    said = recipe(rules=[], optimizer="sgd", lr=1.0, schedule=None)
    clipped = net(recipe=said, max_epochs=1, callbacks=[GradientNormClipping(1e-6)])
    before = weights(clipped.initialize())
    clipped.fit(*data())
    assert all(torch.allclose(*pair, atol=1e-4) for pair in zip(before, weights(clipped), strict=True))


def stopped(after: int) -> Any:
    class Stop(Callback):  # type: ignore[misc, unused-ignore]  # skorch has no types
        def on_epoch_end(self, net: Any, **_: Any) -> None:
            if len(net.history) == after:
                raise KeyboardInterrupt

    return Stop()


FILES = ("f_params", "f_optimizer", "f_scheduler", "f_history")


def files(folder: Path) -> dict[str, str]:
    return {name: str(folder / name) for name in FILES}


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_resume_from_files_is_bit_equal_in_the_middle_of_a_window_too(tmp_path: Path, after: int) -> None:
    whole = net(recipe=judged()).fit(*data())
    net(recipe=judged(), callbacks=[stopped(after)]).fit(*data()).save_params(**files(tmp_path))
    # The run was planned for 4 epochs, and stopped: saved there, it had the schedules of 4.
    again = net(recipe=judged(), max_epochs=4 - after).initialize()
    again.load_params(**files(tmp_path))
    again.partial_fit(*data())
    assert same(again, whole)
    assert again.history[:, "lr/head"] == whole.history[:, "lr/head"]
    assert again.scheduler_.journal == whole.scheduler_.journal


def test_a_resume_by_skorchs_checkpoint(tmp_path: Path) -> None:
    def saver() -> Checkpoint:
        return Checkpoint(monitor=None, dirname=str(tmp_path), f_scheduler="scheduler.pt")

    whole = net(recipe=judged()).fit(*data())
    net(recipe=judged(), callbacks=[("saver", saver()), stopped(2)]).fit(*data())
    again = net(recipe=judged(), max_epochs=2, callbacks=[LoadInitState(saver())]).fit(*data())
    assert same(again, whole)


def test_a_run_that_was_stopped_goes_on() -> None:
    whole = net().fit(*data())
    parts = net(callbacks=[stopped(2)]).fit(*data())
    assert parts.scheduler_.last_epoch == 2 * EACH
    parts.set_params(max_epochs=2)
    parts.partial_fit(*data())
    assert same(parts, whole)
    assert not parts.scheduler_.journal


def test_a_pickled_net_goes_on() -> None:
    whole = net().fit(*data())
    parts = net(callbacks=[("stop", stopped(2))]).fit(*data())
    parts.callbacks_ = [pair for pair in parts.callbacks_ if pair[0] != "stop"]
    parts.callbacks = None
    for made in (pickle.loads(pickle.dumps(parts)), copy.deepcopy(parts)):  # noqa: S301  # our own
        assert made.scheduler_.optimizer is made.optimizer_
        made.set_params(max_epochs=2)
        assert same(made.partial_fit(*data()), whole)


def test_a_fit_begins_anew_and_a_partial_fit_makes_training_longer() -> None:
    found = net().fit(*data())
    first = weights(found)
    found.fit(*data())
    assert all(map(torch.equal, weights(found), first))
    found.partial_fit(*data())
    assert found.scheduler_.last_epoch == 8 * EACH
    assert [(event.action, event.new) for event in found.scheduler_.journal] == [("horizon", 8 * EACH)]


def test_a_warm_start_goes_on_too() -> None:
    found = net(warm_start=True).fit(*data())
    found.fit(*data())
    assert found.scheduler_.last_epoch == 8 * EACH


def test_a_partial_fit_of_other_epochs() -> None:
    found = net().partial_fit(*data(), epochs=3)
    assert found.scheduler_.plan.horizon.ticks == 3 * EACH


def test_an_untrained_net_can_be_saved_loaded_and_pickled(tmp_path: Path) -> None:
    found = net().initialize()
    found.save_params(**files(tmp_path))
    again = pickle.loads(pickle.dumps(net().initialize()))  # noqa: S301  # our own
    again.load_params(**files(tmp_path))
    assert same(again.partial_fit(*data()), net().fit(*data()))
    assert isinstance(found.scheduler_, Waiting)


def test_clone_keeps_the_recipe() -> None:
    said = recipe()
    found = clone(net(recipe=said).fit(*data()))
    assert found.recipe == said
    assert found.get_params()["recipe"] == said
    assert not found.initialized_


def test_a_search_over_what_a_recipe_says() -> None:
    search = GridSearchCV(
        net(recipe=recipe, max_epochs=1),
        {"recipe__head": [1, 10], "recipe__lr": [1e-3, 1e-2]},
        cv=2,
        error_score="raise",
    )
    search.fit(*data())
    best = search.best_estimator_
    assert best.scheduler_.plan["stem.weight"].lr == search.best_params_["recipe__lr"]
    assert best.scheduler_.plan["head.weight"].lr == pytest.approx(
        search.best_params_["recipe__head"] * search.best_params_["recipe__lr"]
    )


def test_a_search_over_recipes_within_a_pipeline() -> None:
    steps = make_pipeline(StandardScaler(), net(max_epochs=1))
    search = GridSearchCV(steps, {"recipeclassifier__recipe": [recipe(1), recipe(10)]}, cv=2)
    assert search.fit(*data()).best_params_["recipeclassifier__recipe"] in (recipe(1), recipe(10))


def test_a_recipe_itself_may_be_the_function() -> None:
    found = net(recipe=pg.Recipe, recipe__optimizer="sgd", recipe__lr=0.5).fit(*data())
    assert found.scheduler_.plan["head.weight"].lr == 0.5
    found.set_params(recipe__lr=0.25)
    assert found.fit(*data()).scheduler_.plan["head.weight"].lr == 0.25


def test_a_recipe_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(recipe().to_toml())
    assert net(recipe=path).fit(*data()).scheduler_.plan.recipe == recipe()


def test_other_nets() -> None:
    class Binary(RecipeNet, NeuralNetBinaryClassifier):  # type: ignore[misc, unused-ignore]  # skorch has no types
        pass

    features, labels = data()
    said = pg.Recipe(optimizer="sgd", lr=0.1)
    given: dict[str, Any] = {"module__in_features": 4, "module__out_features": 1, "verbose": 0}
    binary = Binary(nn.Linear, recipe=said, max_epochs=2, **given).fit(
        features, (labels > 0).astype("float32")
    )
    assert binary.scheduler_.last_epoch == 2
    regressor = RecipeRegressor(nn.Linear, recipe=said, max_epochs=3, **given)
    assert regressor.fit(features, features[:, :1]).scheduler_.last_epoch == 3


class Scaled(nn.Module):
    """A loss with a temperature that is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, found: Tensor, wanted: Tensor) -> Tensor:
        return nn.functional.cross_entropy(found * self.temperature, wanted)


def test_a_criterion_that_learns_is_trained_by_the_recipe_too() -> None:
    said = recipe(
        rules=[pg.rule("criterion", lr_scale=0.1), pg.rule("module.stem", trainable=False, until="50%")]
    )
    found = RecipeNet(Net, Scaled, recipe=said, max_epochs=4, batch_size=BATCH, verbose=0).fit(*data())
    assert found.scheduler_.plan["criterion.temperature"].lr == pytest.approx(1e-3)
    assert found.criterion_.temperature.item() != 1
    assert not torch.equal(found.module_.stem.weight, Net().stem.weight)


def test_prediction_goes_on_without_what_trains() -> None:
    features, labels = data()
    found = net().fit(features, labels)
    before = found.predict(features)
    found.trim_for_prediction()
    assert found.scheduler_ is None
    assert (pickle.loads(pickle.dumps(found)).predict(features) == before).all()  # noqa: S301  # our own


def test_a_net_is_pickled_before_its_length_is_known() -> None:
    whole, again = net().initialize(), pickle.loads(pickle.dumps(net().initialize()))  # noqa: S301  # our own
    for one in (whole, again):
        torch.manual_seed(0)
        one.partial_fit(*data())
    assert all(map(torch.equal, whole.module_.parameters(), again.module_.parameters()))


def test_another_recipe_acts_at_the_next_fit_and_leaves_the_module() -> None:
    found = net(recipe=recipe(rules=[])).fit(*data())
    before = weights(found)
    found.set_params(recipe=pg.Recipe(optimizer="sgd", lr=0.25))
    assert all(map(torch.equal, before, weights(found)))
    found.partial_fit(*data())
    assert found.history[-1, "lr/default"] == 0.25
    assert found.scheduler_.last_epoch == 4 * EACH


def test_a_loader_without_a_batch_is_told() -> None:
    with pytest.raises(HostError, match=r"has no batch to train on. Let batch_size be smaller"):
        net(batch_size=64, train_split=None, iterator_train__drop_last=True).fit(*data())


def test_depth_that_the_structure_does_not_tell_is_told() -> None:
    found = net(recipe=recipe(rules=[pg.recipes.layer_decay(0.5)]), depth={"head": 0, "body": 1, "stem": 2})
    found.fit(*data())
    depths = {name: row.depth for name, row in found.scheduler_.plan.at(0).items() if name.endswith("weight")}
    assert depths == {"stem.weight": 2, "body.weight": 1, "head.weight": 0}
