"""All static checks, in the order in which findings are told, and the catalogue of what they can find."""

from collections.abc import Iterator

from paramgroups.auditing import members, reading, silences
from paramgroups.auditing.kinds import Kind
from paramgroups.auditing.subject import Check, Subject
from paramgroups.errors import Finding

MODULES = (members,)

UNTAKEN = Kind(
    "PG191", "advice", "a look that could not be taken",
    "What is not looked at is not checked: no finding there does not mean that all is well.",
)  # fmt: skip


def look(subject: Subject) -> Iterator[Finding]:
    """What the objects alone tell, without a step being taken."""
    for module in MODULES:
        for check in module.CHECKS:
            yield from taken(check, subject)


def taken(check: Check, subject: Subject) -> list[Finding]:
    """What a check finds; where foreign objects break it, that."""
    try:
        return list(check(subject))
    except Exception as error:  # noqa: BLE001  # what is audited may do anything when it is looked at
        what = check.__name__.replace("_", " ")
        message = f'The look at "{what}" ended with {type(error).__name__}: {error}.'
        return [UNTAKEN.finding(message, "Look whether an object that was handed in is what it seems.")]


def catalogue() -> dict[str, Kind]:
    """Every kind of finding, by its code."""
    kinds = [kind for module in (*MODULES, reading, silences) for kind in module.KINDS]
    return {kind.code: kind for kind in sorted([*kinds, UNTAKEN], key=lambda kind: kind.code)}
