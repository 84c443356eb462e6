"""The kinds of findings: what an audit can say, and why each matters."""

from collections.abc import Iterable
from dataclasses import dataclass

from paramgroups.errors import Finding, Severity

PAGE = "docs/findings.md"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding.

    Attributes:
        code: Its stable name.
        severity: `"error"` where training is not what was written, `"warning"` where probably not,
            `"advice"` for taste.
        title: What is found, in a few words.
        why: Why it matters, in a sentence.
    """

    code: str
    severity: Severity
    title: str
    why: str

    @property
    def link(self) -> str:
        """Where the documentation tells of it."""
        return f"{PAGE}#{self.code.lower()}"

    def finding(self, message: str, fix: str, names: Iterable[str] = ()) -> Finding:
        """A finding of this kind.

        Args:
            message: What was found, with its numbers.
            fix: What to write instead.
            names: The parameters concerned, as the index has them.
        """
        return Finding(self.code, self.severity, message, fix, tuple(names), self.why, self.link)


UNTAKEN = Kind(
    "PG191", "advice", "a look that could not be taken",
    "What is not looked at is not checked: no finding there does not mean that all is well.",
)  # fmt: skip
SEEMS = "Look whether an object that was handed in is what it seems."
LONGEST = 300
"""Characters of what foreign code says when it breaks."""


def untaken(what: str, error: Exception, fix: str) -> Finding:
    """That a look could not be taken, and why.

    Args:
        what: What was looked at.
        error: How it ended.
        fix: What to look for.
    """
    return UNTAKEN.finding(f"{what} ended with {type(error).__name__}: {str(error)[:LONGEST]}.", fix)
