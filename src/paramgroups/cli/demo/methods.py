"""The four recipes that are compared: data, except for their common rate, which is chosen for each alike."""

from dataclasses import dataclass

from paramgroups.rules import Recipe, Rule, rule
from paramgroups.schedules import Schedule, cosine, warmup

RATES = (0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True)
class Method:
    """A recipe whose common rate is open.

    Attributes:
        name: What its file is called.
        title: What it does, in words.
        rules: Its rules.
        schedule: Its schedule; None where rates stay as they are.
    """

    name: str
    title: str
    rules: tuple[Rule, ...]
    schedule: Schedule | None = None

    def recipe(self, lr: float) -> Recipe:
        """The recipe with its common rate."""
        return Recipe(optimizer="adamw", lr=lr, schedule=self.schedule, rules=self.rules, name=self.name)


HEAD = rule("head", group="head")
# Each level below the head has half the rate of the one above.
HALVED = (
    rule("stem | blocks.0", lr_scale=0.125, group="stem, blocks.0"),
    rule("blocks.1", lr_scale=0.25, group="blocks.1"),
    rule("blocks.2", lr_scale=0.5, group="blocks.2"),
    HEAD,
)
# From the top down, each with a warmup and a decay of its own from the step at which it thaws.
UNFROZEN = (
    rule("blocks.2", trainable=False, until="10%", clock="thaw"),
    rule("blocks.1", trainable=False, until="20%", clock="thaw"),
    rule("stem | blocks.0", trainable=False, until="30%", clock="thaw"),
)

METHODS = (
    Method("one-rate", "one rate for all", (rule("**", group="all"),)),
    Method("frozen-backbone", "frozen backbone", (rule("stem | blocks", trainable=False), HEAD)),
    Method("differential", "differential rates", HALVED),
    Method(
        "gradual",
        "differential, warmup, decay, unfreezing",
        HALVED + UNFROZEN,
        warmup("10%").then(cosine(end=0.05)),
    ),
)
