import math
from typing import Any

import pytest

from paramgroups.control.answering import is_bad
from tests.control.support import report, stats


@pytest.mark.parametrize(
    ("seen", "bad"),
    [
        (report(0), False),
        (report(0, head=stats()), False),
        (report(0, bad=["spike"], head=stats()), True),
        (report(0, refused=["head"], head=stats()), True),
        (report(0, head=stats(math.nan)), True),
        (report(0, head=stats(weight=math.inf)), True),
        (report(0, head=stats(update=math.nan)), True),
        (report(0, head=stats(), stem=stats(nonfinite=1)), True),
    ],
    ids=["empty", "fine", "found", "refused", "gradient", "weight", "update", "count"],
)
def test_what_is_bad(seen: Any, *, bad: bool) -> None:
    assert is_bad(seen) is bad
