import torch

from paramgroups.integrations.updates import Updates


def test_updates_are_noted_until_the_end() -> None:
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    updates = Updates(sgd)
    sgd.step()
    sgd.step()
    assert (updates.take(), updates.take()) == (True, False)
    updates.end()
    sgd.step()
    assert not updates.take()
