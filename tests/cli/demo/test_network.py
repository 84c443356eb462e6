"""The network, and the exchange of its head."""

import torch

from paramgroups.cli.demo.network import DigitNetwork, new_network, with_new_head


def weights(network: DigitNetwork, *parts: str) -> list[torch.Tensor]:
    return [value for name, value in network.state_dict().items() if name.startswith(parts)]


def test_it_gives_a_score_for_each_of_five_classes() -> None:
    assert new_network(0)(torch.zeros(3, 1, 8, 8)).shape == (3, 5)


def test_a_seed_gives_the_same_weights_and_leaves_other_randomness_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first, again, other = new_network(5), new_network(5), new_network(6)
    assert torch.rand(1) == expected
    assert all(a.equal(b) for a, b in zip(weights(first, ""), weights(again, ""), strict=True))
    assert not first.head.weight.equal(other.head.weight)


def test_a_new_head_leaves_the_backbone_and_the_original() -> None:
    network = new_network(0)
    before = network.head.weight.clone()
    learner = with_new_head(network, 1)
    pairs = zip(weights(learner, "stem", "blocks"), weights(network, "stem", "blocks"), strict=True)
    assert all(a.equal(b) and a.data_ptr() != b.data_ptr() for a, b in pairs)
    assert not learner.head.weight.equal(network.head.weight)
    assert network.head.weight.equal(before)
