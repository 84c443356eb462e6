"""Low-rank adapters: the two factors at rates of their own."""

from paramgroups.errors import RuleError
from paramgroups.rules import Rule, rule
from paramgroups.rules.checks import factor
from paramgroups.select import Selector, as_selector, parse

WRITING = parse(":lora_B[ndim>=2] - **.lora_embedding_B")
OF_EMBEDDINGS = parse("**.{lora_embedding_A,lora_embedding_B}")


def lora_plus(
    ratio: float = 16.0, lr_embedding: float | None = None, select: str | Selector = "**"
) -> list[Rule]:
    """LoRA+: the factors B of low-rank adapters learn at `ratio` times the rate, the factors A at the rate.

    It scales what stands, so it comes after rules that set the rate. What has fewer than two dimensions (a
    bias of B, the magnitude in DoRA) keeps the rate, and so do norms and heads that are trained beside the
    adapters. What is raised is the group `lora_B`. Any optimizer will do.

    Args:
        ratio: Rate of B ÷ rate of A, at least 1.
        lr_embedding: Rate of both factors of adapters of embeddings; unless given, they have the recipe's:
            an embedding's input is one token, whatever the width, and the ratio is for wide layers.
        select: Which parts of the model.

    Raises:
        RuleError: The ratio is no number of at least 1, or the rate is none.
        SelectorError: The selector is not in the language; or, when planned, there are no such adapters.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.lora_plus(16, lr_embedding=1e-6): print(rule)
        rule(':lora_B[ndim>=2] - **.lora_embedding_B', lr_scale=16.0, group='lora_B')
        rule('**.{lora_embedding_A,lora_embedding_B}', lr=1e-06, group='lora_embedding')

    Source: Hayou et al. 2024 (arXiv 2402.12354). PEFT's `create_loraplus_optimizer` raises all vectors too,
    norms among them, makes groups without members, and sets adapters of embeddings to 1e-6 unless told.
    """
    ratio = factor("lora_plus: ratio", ratio)
    if ratio < 1:
        raise RuleError(
            f"lora_plus({ratio:g}) would let B learn slower than A, the opposite of LoRA+. Write a ratio of "
            f'at least 1; if it is meant, a rule says it: pg.rule(":lora_B", lr_scale={ratio:g}).'
        )
    made = [rule(_within(select, WRITING), lr_scale=ratio, group="lora_B")]
    if lr_embedding is None:
        return made
    return [*made, rule(_within(select, OF_EMBEDDINGS), lr=lr_embedding, group="lora_embedding")]


def _within(select: str | Selector, part: Selector) -> Selector:
    return part if select == "**" else as_selector(select) & part
