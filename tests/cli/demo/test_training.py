"""Training: the same seed gives the same numbers, and what is frozen stays bit for bit."""

from copy import deepcopy

import pytest
import torch

from paramgroups.cli.demo.data import Digits, Images, batches, task
from paramgroups.cli.demo.methods import METHODS, Method
from paramgroups.cli.demo.network import DigitNetwork, new_network
from paramgroups.cli.demo.training import MARKS, accuracy, fit, marks, one_thread, pretrained, transfer

ONE, FROZEN, DIFFERENTIAL, GRADUAL = METHODS


@pytest.fixture(scope="module")
def network(digits: Digits) -> DigitNetwork:
    with one_thread():
        return pretrained(digits.old, seed=0)


def fitted(network: DigitNetwork, method: Method, images: Images, steps: int, until: int) -> DigitNetwork:
    """A copy after some steps of a training, and tested once in the middle as the demo does."""
    learner = deepcopy(network)
    training = fit(learner, method.recipe(0.03), images, batches(len(images), 25, steps, seed=0))
    for _ in range(until):
        next(training)
        accuracy(learner, images)
    return learner


def moved(before: DigitNetwork, after: DigitNetwork) -> set[str]:
    """The parts of the network in which anything moved, batch norm's statistics among it."""
    old, new = before.state_dict(), after.state_dict()
    names = [name for name in old if not torch.equal(old[name], new[name])]
    return {
        "blocks." + name.split(".")[1] if name.startswith("blocks") else name.split(".")[0] for name in names
    }


def test_pretraining_learns_the_old_digits(digits: Digits, network: DigitNetwork) -> None:
    assert accuracy(new_network(0), digits.old) < 0.5
    assert accuracy(network, digits.old) > 0.97


def test_pretraining_is_the_same_for_the_same_seed(digits: Digits, network: DigitNetwork) -> None:
    assert not moved(network, pretrained(digits.old, seed=0))


def test_a_frozen_backbone_is_bit_identical_with_its_batch_norm_statistics(
    digits: Digits, network: DigitNetwork
) -> None:
    learner = fitted(network, FROZEN, digits.apart, steps=20, until=20)
    assert moved(network, learner) == {"head"}


@pytest.mark.parametrize("method", [ONE, DIFFERENTIAL])
def test_the_others_move_everything(method: Method, digits: Digits, network: DigitNetwork) -> None:
    learner = fitted(network, method, digits.apart, steps=10, until=1)
    assert moved(network, learner) == {"stem", "blocks.0", "blocks.1", "blocks.2", "head"}


@pytest.mark.parametrize(
    ("until", "parts"),
    [
        (2, {"head"}),
        (3, {"head", "blocks.2"}),
        (5, {"head", "blocks.2", "blocks.1"}),
        (7, {"head", "blocks.2", "blocks.1", "blocks.0", "stem"}),
    ],
)
def test_gradual_unfreezing_moves_what_has_thawed(
    until: int, parts: set[str], digits: Digits, network: DigitNetwork
) -> None:
    learner = fitted(network, GRADUAL, digits.apart, steps=20, until=until)
    assert moved(network, learner) == parts


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_two_transfers_give_equal_numbers(method: Method, digits: Digits, network: DigitNetwork) -> None:
    drawn = task(digits.new, 5, seed=1)
    first, second = (transfer(network, drawn, method.recipe(0.01), [0, 5, 12], seed=1) for _ in range(2))
    assert first.accuracies == second.accuracies
    assert len(first.accuracies) == 3
    assert first.final == first.accuracies[-1]
    assert first.milliseconds > 0


def test_all_recipes_start_alike(digits: Digits, network: DigitNetwork) -> None:
    drawn = task(digits.new, 5, seed=1)
    starts = {
        transfer(network, drawn, method.recipe(0.01), [0, 10], seed=1).accuracies[0] for method in METHODS
    }
    assert len(starts) == 1


def test_a_transfer_leaves_the_pretrained_network_as_it_was(digits: Digits, network: DigitNetwork) -> None:
    before = deepcopy(network)
    transfer(network, task(digits.new, 5, seed=1), ONE.recipe(0.01), [3], seed=1)
    assert not moved(before, network)


def test_accuracy_is_the_share_told_rightly_and_leaves_the_network_training(digits: Digits) -> None:
    network = new_network(0)
    torch.nn.init.zeros_(network.head.weight)
    with torch.no_grad():
        network.head.bias.copy_(torch.tensor([0.0, 0, 1, 0, 0]))
    assert accuracy(network, digits.apart) == pytest.approx(0.2)
    assert network.training


@pytest.mark.parametrize("steps", [1, 10, 25, 150, 999])
def test_marks_run_from_before_the_first_step_to_the_last(steps: int) -> None:
    found = marks(steps)
    assert (found[0], found[-1]) == (0, steps)
    assert found == sorted(set(found))
    assert len(found) == min(steps, MARKS) + 1


def test_the_number_of_threads_is_given_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
