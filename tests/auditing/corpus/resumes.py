"""Checkpoints and the set-ups they are to be loaded into."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, StepLR

from tests.auditing.corpus.cases import Groups, Setup, faulty, sound
from tests.auditing.corpus.folders import Folder
from tests.auditing.corpus.networks import Classifier, Language, decay_groups, train


def resumed(model: nn.Module, optimizer: Any, saved: Any, scheduler: Any = None, **options: Any) -> Setup:
    """What a new run has before it loads."""
    folder = Folder()
    path = folder.path / "last.pt"
    torch.save(saved, path)
    return Setup(model, optimizer, scheduler, {"checkpoint": path, **options}, held=folder)


def trained(optimizer_of: Any, model: Any = None, scheduler_of: Any = None) -> dict[str, Any]:
    """A checkpoint as most scripts write it, after some steps."""
    model = model or Classifier()
    optimizer = optimizer_of(model)
    scheduler = scheduler_of(optimizer) if scheduler_of else None
    train(model, optimizer, 6, scheduler.step if scheduler else lambda: None)
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 6}
    return saved | ({"scheduler": scheduler.state_dict()} if scheduler else {})


def plain(model: Any) -> Adam:
    return Adam(model.parameters(), lr=1e-3)


def parts(*order: str) -> Any:
    """An optimizer over parts of the model in this order, with the parameters' names."""

    def make(model: Any) -> Adam:
        return Adam(
            [pair for part in order for pair in getattr(model, part).named_parameters(prefix=part)], lr=1e-3
        )

    return make


def unnamed(*order: str) -> Any:
    """The same without names, as most code has it."""

    def make(model: Any) -> Adam:
        return Adam([p for part in order for p in getattr(model, part).parameters()], lr=1e-3)

    return make


def rates(**of: float) -> Any:
    def make(model: Any) -> SGD:
        groups: Groups = [{"params": getattr(model, name).parameters(), "lr": lr} for name, lr in of.items()]
        return SGD(groups, momentum=0.9)

    return make


class Towers(nn.Module):
    """Two towers of one shape."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> Any:
        return self.query(x) + self.key(x).relu()

    def example(self) -> torch.Tensor:
        return torch.randn(6, 8)


@faulty("PG301")
def the_head_now_first() -> Setup:
    model = Classifier()
    return resumed(model, unnamed("head", "backbone")(model), trained(unnamed("backbone", "head")))


@faulty("PG301")
def equal_towers_in_another_order() -> Setup:
    model = Towers()
    return resumed(model, parts("key", "query")(model), trained(parts("query", "key"), Towers()))


@faulty("PG302")
def groups_in_another_order() -> Setup:
    model = Towers()
    optimizer = rates(key=0.01, query=0.05)(model)
    return resumed(model, optimizer, trained(rates(query=0.05, key=0.01), Towers()))


@faulty("PG302")
def another_block_among_the_slow_ones() -> Setup:
    def slow(block: str) -> Any:
        def make(model: Any) -> Adam:
            named = list(model.named_parameters())
            groups: Groups = [
                {"params": [(n, p) for n, p in named if n.startswith(block)], "lr": 1e-4},
                {"params": [(n, p) for n, p in named if not n.startswith(block)], "lr": 1e-3},
            ]
            return Adam(groups)

        return make

    model = Language(depth=2)
    return resumed(model, slow("layers.1")(model), trained(slow("layers.0"), Language(depth=2)))


@faulty("PG303")
def decay_groups_since_the_checkpoint() -> Setup:
    model = Classifier()
    optimizer = AdamW(decay_groups(model, 0.05), lr=1e-3)
    return resumed(model, optimizer, trained(lambda m: AdamW(m.parameters(), lr=1e-3)))


@faulty("PG303")
def saved_with_a_frozen_backbone() -> Setup:
    model = Classifier()
    return resumed(model, plain(model), trained(lambda m: Adam(m.head.parameters(), lr=1e-3)))


@faulty("PG304")
def thawed_since_the_checkpoint() -> Setup:
    old = Classifier()
    old.backbone.requires_grad_(False)
    model = Classifier()
    return resumed(model, plain(model), trained(plain, old))


@faulty("PG305")
def a_smaller_rate_for_the_second_stage() -> Setup:
    model = Classifier()
    return resumed(model, Adam(model.parameters(), lr=1e-4), trained(plain))


@faulty("PG305")
def more_decay_than_was_saved() -> Setup:
    model = Language()
    saved = trained(lambda m: AdamW(decay_groups(m, 0.01), lr=1e-3), Language())
    return resumed(model, AdamW(decay_groups(model, 0.1), lr=1e-3), saved)


@faulty("PG305")
def another_momentum_than_was_saved() -> Setup:
    model = Classifier()
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.95)
    return resumed(model, optimizer, trained(lambda m: SGD(m.parameters(), lr=0.05, momentum=0.9)))


@faulty("PG306")
def another_scheduler_than_was_saved() -> Setup:
    model = Classifier()
    optimizer = plain(model)
    saved = trained(plain, scheduler_of=lambda o: StepLR(o, step_size=10))
    return resumed(model, optimizer, saved, CosineAnnealingLR(optimizer, T_max=100))


@faulty("PG306")
def a_longer_run_than_was_saved() -> Setup:
    model = Classifier()
    optimizer = plain(model)
    saved = trained(plain, scheduler_of=lambda o: CosineAnnealingLR(o, T_max=50))
    return resumed(model, optimizer, saved, CosineAnnealingLR(optimizer, T_max=100))


@faulty("PG306")
def a_cycle_of_another_length() -> Setup:
    model = Classifier()
    optimizer = plain(model)
    saved = trained(plain, scheduler_of=lambda o: OneCycleLR(o, max_lr=1e-3, total_steps=50))
    return resumed(model, optimizer, saved, OneCycleLR(optimizer, max_lr=1e-3, total_steps=80))


@faulty("PG307")
def a_file_that_was_cut_off() -> Setup:
    model = Classifier()
    made = resumed(model, plain(model), trained(plain))
    path = made.options["checkpoint"]
    path.write_bytes(path.read_bytes()[:500])
    return made


@faulty("PG307")
def weights_alone() -> Setup:
    model = Classifier()
    return resumed(model, plain(model), trained(plain)["model"])


@faulty("PG307")
def a_file_that_is_not_there() -> Setup:
    model = Classifier()
    return Setup(model, plain(model), options={"checkpoint": Path("runs") / "nowhere" / "last.pt"})


class Renamed(Classifier):
    """The same network, its head under another name."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = self.head
        del self.head

    def forward(self, x: torch.Tensor) -> Any:
        return self.classifier(self.backbone(x))


@faulty("PG308")
def a_head_renamed_since_the_checkpoint() -> Setup:
    model = Renamed()
    return resumed(model, plain(model), trained(plain))


@sound()
def the_same_script_again() -> Setup:
    model = Classifier()
    return resumed(model, plain(model), trained(plain))


def annealed(optimizer: Any) -> CosineAnnealingLR:
    return CosineAnnealingLR(optimizer, T_max=40)


@sound()
def the_same_script_again_with_its_schedule() -> Setup:
    model = Classifier()
    optimizer = plain(model)
    return resumed(model, optimizer, trained(plain, scheduler_of=annealed), annealed(optimizer), steps=40)


@sound()
def the_same_groups_again() -> Setup:
    def make(model: Any) -> AdamW:
        return AdamW(decay_groups(model, 0.1), lr=1e-3)

    model = Language(tied=True)
    optimizer = make(model)
    return resumed(model, optimizer, trained(make, Language(tied=True), annealed), annealed(optimizer))


@sound()
def under_the_keys_of_the_tutorials() -> Setup:
    model, optimizer_of = Classifier(), rates(backbone=0.01, head=0.05)
    saved = trained(optimizer_of)
    saved = {
        "model_state_dict": saved["model"],
        "optimizer_state_dict": saved["optimizer"],
        "loss": 0.4,
        "epoch": 6,
    }
    return resumed(model, optimizer_of(model), saved)


@sound()
def under_the_keys_of_lightning() -> Setup:
    model = Classifier()
    optimizer = plain(model)
    saved = trained(plain, scheduler_of=lambda o: LambdaLR(o, lambda epoch: 0.9**epoch))
    saved = {
        "epoch": 6, "global_step": 6, "state_dict": saved["model"],
        "optimizer_states": [saved["optimizer"]], "lr_schedulers": [saved["scheduler"]],
    }  # fmt: skip
    return resumed(model, [optimizer], saved, [LambdaLR(optimizer, lambda epoch: 0.9**epoch)])
