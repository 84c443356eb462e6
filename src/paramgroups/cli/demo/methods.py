"""The four recipes that are compared: data, except for their common rate, which is chosen for each alike."""

from dataclasses import dataclass

from paramgroups.rules import Recipe, Rule, rule
from paramgroups.schedules import Schedule, cosine, warmup

RATES = (0.003, 0.01, 0.03, 0.1)
BACKBONE = "stem | blocks"


@dataclass(frozen=True)
class Method:
    """A recipe whose common rate is open.

    Attributes:
        name: What its file is called.
        title: What it does, in words.
        rules: Its rules.
        schedule: Its schedule; None where the rate stays.
    """

    name: str
    title: str
    rules: tuple[Rule, ...]
    schedule: Schedule | None = None

    def recipe(self, lr: float) -> Recipe:
        """The recipe with its common rate."""
        return Recipe(optimizer="adamw", lr=lr, schedule=self.schedule, rules=self.rules, name=self.name)


METHODS = (
    Method("one-rate", "one rate for all", (rule("**", group="all"),)),
    Method(
        "frozen-backbone",
        "frozen backbone",
        (rule(BACKBONE, trainable=False), rule("head", group="head")),
    ),
    Method(
        "differential",
        "differential rates",
        (rule(BACKBONE, lr_scale=0.3, group="backbone"), rule("head", group="head")),
    ),
    Method(
        "gradual",
        "differential, warmup, decay, gradual unfreezing",
        (
            rule("blocks.2", lr_scale=0.5, group="blocks.2"),
            rule("blocks.1", lr_scale=0.25, group="blocks.1"),
            rule("stem | blocks.0", lr_scale=0.125, group="stem, blocks.0"),
            rule("head", group="head"),
            rule("blocks.2", trainable=False, until="10%"),
            rule("blocks.1", trainable=False, until="20%"),
            rule("stem | blocks.0", trainable=False, until="30%"),
        ),
        warmup("10%").then(cosine(end=0.02)),
    ),
)
