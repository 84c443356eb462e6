"""Set-ups as users of PEFT write them."""

from typing import Any

from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR

from tests.auditing.corpus.cases import DECAYED, Groups, Setup, faulty, sound
from tests.auditing.corpus.transformers_idioms import bert, classic_groups, llama, step, trainer
from tests.support import import_peft

peft: Any = import_peft()

from peft.optimizers import create_loraplus_optimizer  # noqa: E402  # loads only after torchvision's operators


def adapted(model: Any, **settings: Any) -> Any:
    targets = settings.pop(
        "target_modules", ["q_proj", "v_proj"] if hasattr(model, "lm_head") else ["query", "value"]
    )
    return peft.get_peft_model(model, peft.LoraConfig(r=2, lora_alpha=4, target_modules=targets, **settings))


def trainable(model: Any) -> list[Any]:
    return [p for p in model.parameters() if p.requires_grad]


@faulty("PG106")
def no_decay_groups_that_lora_leaves_empty() -> Setup:
    model = adapted(llama())
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    groups: Groups = [
        {"params": [p for n, p in named if "norm" not in n and "bias" not in n], "weight_decay": 0.01},
        {"params": [p for n, p in named if "norm" in n or "bias" in n], "weight_decay": 0.0},
    ]
    return Setup(model, AdamW(groups, lr=1e-4))


@faulty("PG101", allowed=("PG102", "PG108"))
def adapters_added_after_the_optimizer() -> Setup:
    model = llama()
    optimizer = Adam(model.parameters(), lr=1e-4)
    return Setup(adapted(model), optimizer)


@faulty("PG102")
def the_frozen_base_handed_over() -> Setup:
    model = adapted(bert())
    return Setup(model, Adam(model.parameters(), lr=2e-4))


@faulty("PG102", allowed=("PG106",))
def the_classic_groups_with_the_frozen_base() -> Setup:
    model = adapted(bert())
    return Setup(model, AdamW(classic_groups(model, 0.01), lr=2e-4))


@faulty("PG118", allowed=("PG106",))
def lora_plus_that_raises_biases() -> Setup:
    model = adapted(bert(), bias="lora_only")
    return Setup(model, create_loraplus_optimizer(model, Adam, lr=1e-4, loraplus_lr_ratio=16))


@faulty("PG106")
def lora_plus_with_groups_of_nobody() -> Setup:
    model = adapted(llama())
    return Setup(model, create_loraplus_optimizer(model, Adam, lr=1e-4, loraplus_lr_ratio=8))


@faulty("PG108", allowed=("PG102",))
def adapters_for_inference() -> Setup:
    model = adapted(llama(), inference_mode=True)
    optimizer = Adam([p for n, p in model.named_parameters() if "lora_" in n], lr=1e-4)
    return Setup(model, optimizer)


@faulty("PG101")
def only_what_is_called_lora() -> Setup:
    model = adapted(bert(), modules_to_save=["classifier"])
    return Setup(model, Adam([p for n, p in model.named_parameters() if "lora_" in n], lr=2e-4))


@faulty("PG108", allowed=("PG102",))
def a_second_adapter_that_is_switched_off() -> Setup:
    model = adapted(llama())
    optimizer = Adam(trainable(model), lr=1e-4)
    for p in model.parameters():
        p.requires_grad = False
    return Setup(model, optimizer)


@faulty("PG116", allowed=DECAYED)
def the_rate_of_prompts_for_whole_matrices() -> Setup:
    model = llama()
    return Setup(model, Adam(model.parameters(), lr=0.3))


@sound()
def lora() -> Setup:
    model = adapted(llama())
    return Setup(model, AdamW(trainable(model), lr=2e-4, weight_decay=0.01))


@sound()
def lora_after_some_steps() -> Setup:
    model = adapted(llama())
    optimizer = Adam(trainable(model), lr=2e-4)
    scheduler = CosineAnnealingLR(optimizer, T_max=30)
    step(model, optimizer, 5, scheduler)
    return Setup(model, optimizer, scheduler, {"steps": 30})


@sound()
def lora_with_its_classifier() -> Setup:
    model = adapted(bert(), modules_to_save=["classifier"])
    adapters = [p for n, p in model.named_parameters() if p.requires_grad and "lora_" in n]
    others = [p for n, p in model.named_parameters() if p.requires_grad and "lora_" not in n]
    return Setup(model, Adam([{"params": adapters, "lr": 2e-4}, {"params": others, "lr": 1e-3}]))


@sound()
def lora_plus_by_hand() -> Setup:
    model = adapted(llama())
    first = [p for n, p in model.named_parameters() if "lora_A" in n]
    second = [p for n, p in model.named_parameters() if "lora_B" in n]
    return Setup(model, Adam([{"params": first, "lr": 1e-4}, {"params": second, "lr": 16e-4}]))


@sound()
def lora_of_weight_and_direction() -> Setup:
    model = adapted(llama(), use_dora=True)
    return Setup(model, Adam(trainable(model), lr=1e-4))


@faulty("PG106")
def the_no_decay_group_of_the_trainer() -> Setup:
    made, folder = trainer(adapted(llama()), learning_rate=2e-4)
    return Setup(made.model, made.optimizer, made.lr_scheduler, held=folder)


@sound()
def two_adapters_and_one_at_work() -> Setup:
    model = adapted(llama())
    model.add_adapter("other", peft.LoraConfig(r=2, target_modules=["q_proj"]))
    model.set_adapter("default")
    return Setup(model, SGD(trainable(model), lr=0.1))
