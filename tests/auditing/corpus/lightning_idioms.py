"""Set-ups as Lightning's `configure_optimizers` returns them; the package itself is not needed."""

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)

from tests.auditing.corpus.cases import DECAYED, Groups, Setup, faulty, sound
from tests.auditing.corpus.networks import Classifier, ConvNet, decay_groups, train


class Task(nn.Module):
    """What a LightningModule is to an optimizer: a module that holds the network and its settings."""

    def __init__(self, network: nn.Module, lr: float = 1e-3) -> None:
        super().__init__()
        self.network, self.lr = network, lr

    def forward(self, x: Any) -> Any:
        return self.network(x)

    def example(self) -> Any:
        return self.network.example()  # type: ignore[operator]  # torch types every attribute as a tensor too

    def configure_optimizers(self) -> Any:
        return Adam(self.parameters(), lr=self.lr)


def from_pair(task: Task, **options: Any) -> Setup:
    """What `[optimizer], [scheduler]` becomes."""
    optimizers, schedulers = task.configure_optimizers()
    return Setup(task, optimizers, schedulers, options)


def from_dict(task: Task, **options: Any) -> Setup:
    """What `{"optimizer": …, "lr_scheduler": …}` becomes."""
    configured = task.configure_optimizers()
    return Setup(task, configured["optimizer"], configured["lr_scheduler"], options)


@faulty("PG101")
def the_metric_head_is_forgotten() -> Setup:
    class Metric(Task):
        def __init__(self) -> None:
            super().__init__(Classifier())
            self.projection = nn.Linear(4, 4)

        def configure_optimizers(self) -> Any:
            return SGD(self.network.parameters(), lr=0.05)

    task = Metric()
    return Setup(task, task.configure_optimizers())


@faulty("PG149")
def one_cycle_without_its_interval() -> Setup:
    class Cycled(Task):
        def configure_optimizers(self) -> Any:
            optimizer = Adam(self.parameters(), lr=self.lr)
            return [optimizer], [
                {"scheduler": OneCycleLR(optimizer, self.lr, total_steps=1000), "interval": "epoch"}
            ]

    return from_pair(Cycled(Classifier()), epochs=10, steps_per_epoch=100)


@faulty("PG149")
def a_cosine_over_epochs_at_each_step() -> Setup:
    class Annealed(Task):
        def configure_optimizers(self) -> Any:
            optimizer = AdamW(decay_groups(self, 0.05), lr=self.lr)
            scheduler = CosineAnnealingLR(optimizer, T_max=20)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    return from_dict(Annealed(Classifier()), epochs=20, steps_per_epoch=50)


@faulty("PG141")
def one_cycle_over_a_slow_backbone() -> Setup:
    class TwoRates(Task):
        def configure_optimizers(self) -> Any:
            net: Any = self.network
            groups: Groups = [
                {"params": net.backbone.parameters(), "lr": 1e-4},
                {"params": net.head.parameters()},
            ]
            optimizer = Adam(groups, lr=self.lr)
            cycle = OneCycleLR(optimizer, max_lr=self.lr, total_steps=500)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    return from_dict(TwoRates(Classifier()), steps=500)


@faulty("PG148")
def unfrozen_by_a_callback() -> Setup:
    task = Task(Classifier())
    net: Any = task.network
    net.backbone.requires_grad_(False)
    optimizer = Adam(filter(lambda p: p.requires_grad, task.parameters()), lr=1e-3)
    scheduler = LinearLR(optimizer, start_factor=0.5, total_iters=10)
    train(task, optimizer, 4, scheduler.step)
    net.backbone.requires_grad_(True)
    optimizer.add_param_group(
        {"params": list(net.backbone.parameters()), "lr": optimizer.param_groups[0]["lr"] / 10}
    )
    return Setup(task, [optimizer], [{"scheduler": scheduler, "interval": "epoch"}])


@faulty("PG101")
def unfrozen_and_added_to_none() -> Setup:
    task = Task(Classifier())
    net: Any = task.network
    net.backbone.requires_grad_(False)
    optimizer = Adam(filter(lambda p: p.requires_grad, task.parameters()), lr=1e-3)
    train(task, optimizer, 4)
    net.backbone.requires_grad_(True)
    return Setup(task, optimizer)


@faulty("PG140")
def schedules_of_optimizers_made_twice() -> Setup:
    class Adversarial(Task):
        def optimizer(self, part: nn.Module, lr: float) -> Adam:
            return Adam(part.parameters(), lr=lr, betas=(0.5, 0.999))

        def configure_optimizers(self) -> Any:
            net: Any = self.network
            optimizers = [self.optimizer(net.backbone, 1e-4), self.optimizer(net.head, 4e-4)]
            schedules = [
                StepLR(self.optimizer(part, 1e-4), step_size=20) for part in (net.backbone, net.head)
            ]
            return optimizers, schedules

    return from_pair(Adversarial(Classifier()))


@faulty("PG105")
def everything_and_the_head_again() -> Setup:
    class Twice(Task):
        def configure_optimizers(self) -> Any:
            net: Any = self.network
            return [Adam(self.parameters(), lr=self.lr), SGD(net.head.parameters(), lr=0.01)], []

    return from_pair(Twice(Classifier()))


@faulty("PG114")
def a_backbone_frozen_by_its_rate() -> Setup:
    class Held(Task):
        def configure_optimizers(self) -> Any:
            net: Any = self.network
            groups: Groups = [
                {"params": net.backbone.parameters(), "lr": 0.0},
                {"params": net.fc.parameters()},
            ]
            return SGD(groups, lr=0.01, momentum=0.9)

    task = Held(ConvNet())
    return Setup(task, task.configure_optimizers())


@faulty("PG120", allowed=DECAYED)
def the_default_of_adamw() -> Setup:
    class Default(Task):
        def configure_optimizers(self) -> Any:
            return AdamW(self.parameters(), lr=self.lr)

    task = Default(Classifier())
    return Setup(task, task.configure_optimizers())


@faulty("PG161")
def a_backbone_put_to_sleep_when_built() -> Setup:
    class Probe(Task):
        def __init__(self, network: ConvNet) -> None:
            super().__init__(network)
            for p in network.backbone.parameters():
                p.requires_grad = False
            network.backbone.eval()

    task = Probe(ConvNet())
    net: Any = task.network
    return Setup(task, SGD(net.fc.parameters(), lr=0.01))


@faulty("PG146")
def a_warmup_that_multiplies_by_the_rate() -> Setup:
    class Warm(Task):
        def configure_optimizers(self) -> Any:
            optimizer = SGD(self.parameters(), lr=self.lr)
            scheduler = LambdaLR(optimizer, lambda step: self.lr * min(1.0, (step + 1) / 50))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    return from_dict(Warm(Classifier(), lr=0.02))


@sound()
def an_optimizer_alone() -> Setup:
    task = Task(Classifier())
    return Setup(task, task.configure_optimizers())


@sound()
def a_pair_of_lists() -> Setup:
    class Stepped(Task):
        def configure_optimizers(self) -> Any:
            optimizer = SGD(self.parameters(), lr=0.05, momentum=0.9)
            return [optimizer], [StepLR(optimizer, step_size=10, gamma=0.5)]

    return from_pair(Stepped(ConvNet()), epochs=30, steps_per_epoch=20)


@sound()
def one_cycle_by_steps() -> Setup:
    class Cycled(Task):
        def configure_optimizers(self) -> Any:
            optimizer = AdamW(decay_groups(self, 0.05), lr=self.lr)
            cycle = OneCycleLR(optimizer, max_lr=self.lr, total_steps=1000)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    return from_dict(Cycled(Classifier()), epochs=10, steps_per_epoch=100)


@sound()
def a_plateau_with_its_monitor() -> Setup:
    class Watched(Task):
        def configure_optimizers(self) -> Any:
            optimizer = Adam(self.parameters(), lr=self.lr)
            scheduler = ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=3)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "val_loss"}}

    return from_dict(Watched(Classifier()), epochs=20)


@sound()
def two_networks_by_turns() -> Setup:
    class Adversarial(Task):
        def configure_optimizers(self) -> Any:
            net: Any = self.network
            optimizers = [Adam(net.backbone.parameters(), lr=1e-4), Adam(net.head.parameters(), lr=4e-4)]
            return optimizers, [CosineAnnealingLR(optimizer, T_max=40) for optimizer in optimizers]

    return from_pair(Adversarial(Classifier()), epochs=40, steps_per_epoch=10)


@sound()
def unfrozen_by_a_callback_before_any_schedule() -> Setup:
    task = Task(Classifier())
    net: Any = task.network
    net.backbone.requires_grad_(False)
    optimizer = Adam(filter(lambda p: p.requires_grad, task.parameters()), lr=1e-3)
    train(task, optimizer, 4)
    net.backbone.requires_grad_(True)
    optimizer.add_param_group({"params": list(net.backbone.parameters()), "lr": 1e-4})
    return Setup(task, optimizer)
