"""What the optimizer has to hold: what was asked of each ratio, beside what was measured."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks.contenders import FLOOR, FORMS
from benchmarks.measure import Times, paired

OURS, PLAIN, ONE = "ours, a rate each", "ours without statistics, a rate each", "ours, one rate"
FUSED = "torch fused, one rate"
REAL = ("MiniLM-L6", "BERT-base", "ViT-L")
TINY = "1,000 x 1,000"
ALL = (TINY, *REAL, "mixture")


class Claim(NamedTuple):
    """A bound on a ratio of two times.

    Attributes:
        says: What is divided by what.
        model: The tensors that it is measured on.
        upper: What is divided; of several the fastest.
        lower: By what.
        bound: What was asked.
        least: Whether the ratio must be at least that; else it must be at most that.
    """

    says: str
    model: str
    upper: tuple[str, ...]
    lower: str
    bound: float
    least: bool = False

    @property
    def asked(self) -> str:
        """The bound in words."""
        return f"at {'least' if self.least else 'most'} {self.bound:g}"

    def row(self, times: Times) -> dict[str, Any]:
        """The claim beside what was measured."""
        upper = min(self.upper, key=lambda name: paired(times, name, self.lower))
        found = paired(times, upper, self.lower)
        held = found >= self.bound if self.least else found <= self.bound
        what = {"says": self.says, "model": self.model, "asked": self.asked}
        return {**what, "measured": found, "held": held, "upper": upper, "lower": self.lower}


def torch_with(rates: str) -> tuple[str, ...]:
    """All forms of torch's with so many rates."""
    return tuple(f"{form}, {rates}" for form in FORMS)


EACH, BOTH = "torch's best with a rate each / ours", "torch's best with one rate / ours with a rate each"
SPREAD, SUMMED = "ours with a rate each / with one rate", "statistics on / off"
CLIPPED = "ours, a rate each, clipped"

CLAIMS = (
    Claim(EACH, TINY, torch_with("a rate each"), OURS, 14.0, least=True),
    Claim(BOTH, TINY, torch_with("one rate"), OURS, 4.5, least=True),
    Claim("ours with a rate each / torch fused with one rate", "BERT-base", (OURS,), FUSED, 1.05),
    Claim("ours with a rate each / memory floor", "BERT-base", (OURS,), FLOOR, 1.2),
    Claim(SPREAD, TINY, (OURS,), ONE, 1.5),
    *(Claim(SPREAD, model, (OURS,), ONE, 1.05) for model in REAL),
    *(Claim(SUMMED, model, (OURS,), PLAIN, 1.05) for model in ALL),
    *(Claim("clipped / not clipped", model, (CLIPPED,), OURS, 1.25) for model in ALL),
)
"""What the optimizer has to hold; ours has its statistics on unless said."""


def claimed(times: Mapping[str, Times], claims: Iterable[Claim] = CLAIMS) -> Iterator[dict[str, Any]]:
    """All claims on the models that were measured."""
    return (claim.row(times[claim.model]) for claim in claims if claim.model in times)


def tell_claims(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print what was asked beside what was measured."""
    for row in rows:
        verdict = "held" if row["held"] else "NOT HELD"
        print(f"{row['model']}: {row['says']}: {row['measured']:.3f}, asked {row['asked']}: {verdict}")
