"""What a resume can do wrong, as kinds of findings."""

from paramgroups.auditing.kinds import Kind

REORDERED = Kind(
    "PG301", "error", "saved state would land on other parameters",
    "Torch loads by position: the moments of one parameter are given to another, and nothing is said.",
)  # fmt: skip
REGROUPED = Kind(
    "PG302", "error", "parameters are in other groups than when they were saved",
    "Groups are loaded by position with all their values: a head is trained at the rate of a backbone.",
)  # fmt: skip
RECUT = Kind(
    "PG303", "error", "another grouping than was saved",
    "The load raises: a state is of the very groups that it was saved from.",
)  # fmt: skip
UNMATCHED = Kind(
    "PG304", "warning", "parameters without saved state, or saved state without a parameter",
    "What begins anew beside what goes on learns otherwise than it would have: its moments are empty.",
)  # fmt: skip
OVERWRITTEN = Kind(
    "PG305", "warning", "values of groups that the load overwrites",
    "Groups are loaded with their values: what was changed since, in a config or a script, is undone.",
)  # fmt: skip
UNSCHEDULED = Kind(
    "PG306", "error", "the saved state of the scheduler does not fit",
    "A scheduler's state is taken over entry by entry, and nothing is checked: settings and lengths of the "
    "old run come back, or entries that nobody reads.",
)  # fmt: skip
UNREAD = Kind(
    "PG307", "error", "a checkpoint that cannot be read, or holds no optimizer's state",
    "A resume that finds no state begins anew, without moments and at the first rate.",
)  # fmt: skip
UNLIKE = Kind(
    "PG308", "warning", "the saved weights are not those of this model",
    "The load raises, or leaves these tensors as they are where strict=False lets it.",
)  # fmt: skip
KINDS = (REORDERED, REGROUPED, RECUT, UNMATCHED, OVERWRITTEN, UNSCHEDULED, UNREAD, UNLIKE)
