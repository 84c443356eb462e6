"""Set-ups as users of transformers write them."""

import math
from importlib import import_module
from typing import Any

import torch
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from tests.auditing.corpus.cases import DECAYED, SPREAD, Groups, Setup, faulty, sound
from tests.auditing.corpus.folders import Folder
from tests.auditing.corpus.networks import pretrain
from tests.support import import_transformers

transformers: Any = import_transformers()
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 60,
}


def bert(**settings: Any) -> Any:
    config = transformers.BertConfig(**SMALL, max_position_embeddings=16, **settings)
    return transformers.BertForSequenceClassification(config)


def llama(**settings: Any) -> Any:
    config = transformers.LlamaConfig(**SMALL, max_position_embeddings=16, **settings)
    return transformers.LlamaForCausalLM(config)


def step(model: Any, optimizer: Any, times: int, scheduler: Any = None) -> None:
    for _ in range(times):
        tokens = torch.randint(1, 50, (2, 6))
        labels = tokens if hasattr(model, "lm_head") else torch.tensor([0, 1])
        model(input_ids=tokens, labels=labels).loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        optimizer.zero_grad()


def classic_groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """The two groups of the older example scripts."""
    no_decay = ("bias", "LayerNorm.weight")
    named = list(model.named_parameters())
    return [
        {"params": [p for n, p in named if not any(w in n for w in no_decay)], "weight_decay": decay},
        {"params": [p for n, p in named if any(w in n for w in no_decay)], "weight_decay": 0.0},
    ]


def trainer(model: Any, **settings: Any) -> tuple[Any, Any]:
    folder = Folder()
    arguments = transformers.TrainingArguments(
        output_dir=str(folder.path), report_to=[], use_cpu=True, **settings
    )
    made = transformers.Trainer(model=model, args=arguments)
    made.create_optimizer_and_scheduler(num_training_steps=100)
    return made, folder


@faulty("PG121")
def the_classic_groups_decay_embeddings() -> Setup:
    model = bert()
    optimizer = AdamW(classic_groups(model, 0.01), lr=2e-5)
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, 10, 100)
    return Setup(model, optimizer, scheduler, {"steps": 100})


@faulty("PG106", "PG120", allowed=("PG121",))
def the_classic_names_on_a_llama() -> Setup:
    model = llama()  # whose norms are called input_layernorm, and norm
    return Setup(model, AdamW(classic_groups(model, 0.1), lr=3e-4))


@faulty("PG101")
def only_the_encoder_and_the_classifier() -> Setup:
    model = bert()
    groups: Groups = [
        {"params": model.bert.encoder.parameters(), "lr": 2e-5},
        {"params": model.bert.embeddings.parameters(), "lr": 2e-5},
        {"params": model.classifier.parameters(), "lr": 1e-4},
    ]
    return Setup(model, Adam(groups))  # the pooler is in none


@faulty("PG101", allowed=("PG103", "PG104"))
def tokens_added_after_the_optimizer() -> Setup:
    model = llama()
    optimizer = Adam(model.parameters(), lr=1e-4)
    model.resize_token_embeddings(64)
    return Setup(model, optimizer)


@faulty("PG106")
def a_prefix_that_the_wrapped_model_has_not() -> Setup:
    model = bert()
    head = [p for n, p in model.named_parameters() if n.startswith("bert.classifier")]
    rest = [p for n, p in model.named_parameters() if not n.startswith("bert.classifier")]
    groups: Groups = [{"params": rest}, {"params": head, "lr": 1e-4}]
    return Setup(model, Adam(groups, lr=2e-5))


@faulty("PG102")
def frozen_embeddings_in_the_groups() -> Setup:
    model = bert()
    for p in model.bert.embeddings.parameters():
        p.requires_grad = False
    return Setup(model, Adam(model.parameters(), lr=2e-5))


@faulty("PG149")
def steps_counted_without_accumulation() -> Setup:
    model = bert()
    optimizer = Adam(model.parameters(), lr=2e-5)
    batches, epochs, gather = 100, 3, 4
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, 30, batches * epochs)
    return Setup(model, optimizer, scheduler, {"steps": batches * epochs // gather})


@faulty("PG149", allowed=("PG154",))
def a_schedule_for_one_epoch_of_three() -> Setup:
    model = bert()
    optimizer = Adam(model.parameters(), lr=2e-5)
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, 0, 100)
    return Setup(
        model, optimizer, {"scheduler": scheduler, "interval": "step"}, {"epochs": 3, "steps_per_epoch": 100}
    )


@faulty("PG151")
def a_warmup_nobody_steps() -> Setup:
    model = bert()
    optimizer = Adam(model.parameters(), lr=1e-4)
    scheduler = transformers.get_cosine_schedule_with_warmup(optimizer, 5, 400)
    step(model, optimizer, 60)
    return Setup(model, optimizer, scheduler, {"steps": 400})


@faulty("PG140")
def an_optimizer_of_ones_own_and_the_trainers_schedule() -> Setup:
    made, folder = trainer(bert(), learning_rate=2e-5)
    optimizer = Adam(made.model.parameters(), lr=1e-5)
    return Setup(made.model, optimizer, made.lr_scheduler, held=folder)


@faulty("PG131", allowed=DECAYED)
def a_new_classifier_on_a_pretrained_body() -> Setup:
    class Pretrained:
        def __init__(self) -> None:
            self.model = bert(num_labels=2)

        def example(self) -> torch.Tensor:
            return torch.randint(1, 50, (4, 6))

        def parameters(self) -> Any:
            return self.model.parameters()

        def zero_grad(self) -> None:
            self.model.zero_grad()

        def __call__(self, tokens: torch.Tensor) -> Any:
            return self.model(input_ids=tokens).logits

    old = pretrain(Pretrained()).model
    folder = Folder()
    old.bert.save_pretrained(folder.path)
    model = transformers.BertForSequenceClassification.from_pretrained(folder.path, num_labels=3)
    return Setup(model.train(), AdamW(model.parameters(), lr=2e-5))


@faulty("PG122")
def a_slow_body_decayed_as_a_fast_head() -> Setup:
    model = bert()
    embeddings = {id(p) for p in model.bert.embeddings.parameters()}

    def matrices(part: Any) -> list[Any]:
        return [p for p in part.parameters() if p.ndim > 1 and id(p) not in embeddings]

    held = {id(p) for p in (*matrices(model.bert), *matrices(model.classifier))}
    groups: Groups = [
        {"params": matrices(model.bert), "lr": 1e-5, "weight_decay": 0.01},
        {"params": matrices(model.classifier), "lr": 5e-4, "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if id(p) not in held], "lr": 1e-5, "weight_decay": 0.0},
    ]
    return Setup(model, AdamW(groups))


@faulty("PG115", allowed=SPREAD)
def a_classifier_at_the_rate_of_scratch() -> Setup:
    model = bert()
    groups: Groups = [
        {"params": model.bert.parameters(), "lr": 2e-6},
        {"params": model.classifier.parameters(), "lr": 1e-3},
    ]
    return Setup(model, Adam(groups))


@faulty("PG117")
def a_language_model_in_bfloat16() -> Setup:
    model = llama().bfloat16()
    return Setup(model, Adam(model.parameters(), lr=1e-6))


@faulty("PG146")
def a_cosine_of_ones_own_that_gives_rates() -> Setup:
    model = bert()
    optimizer = Adam(model.parameters(), lr=5e-5)

    def schedule(step: int) -> float:
        return 5e-5 * 0.5 * (1 + math.cos(math.pi * min(step, 200) / 200))

    return Setup(model, optimizer, LambdaLR(optimizer, schedule))


@faulty("PG155")
def trained_beyond_the_cosine() -> Setup:
    model = bert()
    optimizer = Adam(model.parameters(), lr=1e-4)
    scheduler = CosineAnnealingLR(optimizer, T_max=5)
    step(model, optimizer, 8, scheduler)
    return Setup(model, optimizer, scheduler)


@sound()
def the_trainers_own() -> Setup:
    made, folder = trainer(bert(), learning_rate=5e-5, warmup_steps=10)
    return Setup(made.model, made.optimizer, made.lr_scheduler, {"steps": 100}, held=folder)


@sound(allowed=("PG121",))
def the_trainers_own_with_decay() -> Setup:
    made, folder = trainer(llama(), learning_rate=3e-4, weight_decay=0.1, lr_scheduler_type="cosine")
    return Setup(made.model, made.optimizer, made.lr_scheduler, {"steps": 100}, held=folder)


@sound()
def the_trainers_own_for_t5() -> Setup:
    config = transformers.T5Config(d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, vocab_size=60)
    made, folder = trainer(transformers.T5ForConditionalGeneration(config), learning_rate=1e-4)
    return Setup(made.model, made.optimizer, made.lr_scheduler, held=folder)


@sound()
def adafactor_at_a_rate_given() -> Setup:
    model = llama()
    optimizer = transformers.Adafactor(
        model.parameters(), lr=1e-3, relative_step=False, scale_parameter=False
    )
    return Setup(model, optimizer)


@sound()
def a_warmup_from_nothing() -> Setup:
    model = llama(tie_word_embeddings=True)
    optimizer = Adam(model.parameters(), lr=1e-4)
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, 20, 200)
    return Setup(model, optimizer, scheduler, {"steps": 200})


@sound()
def a_warmup_in_the_middle() -> Setup:
    model = bert()
    optimizer = Adam(model.parameters(), lr=1e-4)
    scheduler = transformers.get_cosine_schedule_with_warmup(optimizer, 4, 40)
    step(model, optimizer, 9, scheduler)
    return Setup(model, optimizer, scheduler, {"steps": 40})


@sound()
def a_floor_by_ratio() -> Setup:
    model = bert()
    groups: Groups = [
        {"params": model.bert.parameters(), "lr": 1e-5},
        {"params": model.classifier.parameters(), "lr": 1e-4},
    ]
    optimizer = Adam(groups, lr=1e-4)
    scheduler = transformers.get_cosine_with_min_lr_schedule_with_warmup(optimizer, 10, 100, min_lr_rate=0.1)
    return Setup(model, optimizer, scheduler, {"steps": 100})


@sound()
def prepared_by_accelerate() -> Setup:
    accelerator: Any = import_module("accelerate").Accelerator(cpu=True)
    model = bert()
    optimizer = Adam(model.parameters(), lr=5e-5)
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, 5, 50)
    model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)
    step(model, optimizer, 6, scheduler)
    return Setup(model, optimizer, scheduler)


@sound()
def a_frozen_body() -> Setup:
    model = bert()
    model.bert.requires_grad_(False)
    return Setup(model, SGD((p for p in model.parameters() if p.requires_grad), lr=0.01))


@sound()
def computed_again_on_the_way_back() -> Setup:
    model = llama()
    model.gradient_checkpointing_enable()
    optimizer = Adam(model.parameters(), lr=1e-4)
    step(model.train(), optimizer, 2)
    return Setup(model, optimizer)
