"""Rows that were added to a vocabulary, at a rate of their own."""

from paramgroups.errors import RuleError, shown
from paramgroups.rules import Rule, rule
from paramgroups.select import Selector, as_selector, parse
from paramgroups.select import rows as rows_of


def new_tokens(
    first: int,
    lr_scale: float = 10.0,
    *,
    freeze_old: bool = False,
    head: bool = True,
    select: str | Selector | None = None,
) -> list[Rule]:
    """The rows of new tokens learn at `lr_scale` times the rate; the old rows at the rate, or not at all.

    Our optimizer steps rows at rates of their own; with another it is an error when built. Tied tables are
    one tensor, and met once.

    Args:
        first: The first new row: how large the vocabulary was before `resize_token_embeddings`. A table
            that was padded has rows in between; count from where the new tokens begin.
        lr_scale: Factor on the rate of the new rows, such as 10.
        freeze_old: Whether the old rows stand still, bit for bit. Then the new ones are trained also where
            the model has the table frozen, as beside LoRA.
        head: Whether the rows of output layers are meant too, where they are not tied to the embedding.
        select: The tables; unless given, all embeddings (and output layers) of more than `first` rows. A
            table of positions that is longer than the vocabulary was would be met too: then say which.

    Raises:
        RuleError: `first` is no row above 0, or the factor no number of at least 0.
        SelectorError: The selector is not in the language; or, when planned, no table has so many rows.

    Example:
        >>> import paramgroups as pg
        >>> for rule in pg.recipes.new_tokens(32000, freeze_old=True, select="embed"): print(rule)
        rule('embed[:32000]', trainable=False)
        rule('embed[32000:]', trainable=True, lr_scale=10.0)

    Source: the usual way to add tokens. A mask on the gradient, as it is written by hand, leaves weight
    decay and momentum acting on the old rows.
    """
    if isinstance(first, bool) or not isinstance(first, int) or first < 1:
        raise RuleError(
            f"new_tokens(first={shown(first)}): give the first new row, such as 32000: how large the "
            'vocabulary was before. Where all rows are new, a rule says it: rule(":embedding", lr_scale=10).'
        )
    tables = _tables(first, head=head) if select is None else as_selector(select)
    new = rows_of(tables, first)
    if not freeze_old:
        return [rule(new, lr_scale=lr_scale)]
    old = rows_of(tables, None, first)
    return [rule(old, trainable=False), rule(new, trainable=True, lr_scale=lr_scale)]


def _tables(first: int, *, head: bool) -> Selector:
    tables = f":embedding[fan_in>{first}]" + f" | :head[fan_out>{first}]" * head
    return parse(f"({tables}) - **.original_module")  # PEFT trains a copy beside it
