"""CHECK: findings on any model, optimizer and scheduler, built with this library or not."""

from paramgroups.auditing.asserting import assert_clean
from paramgroups.auditing.entry import audit
from paramgroups.auditing.result import Audit
from paramgroups.auditing.silences import Silence, silence
from paramgroups.auditing.watches.watching import Watch, watch

__all__ = ["Audit", "Silence", "Watch", "assert_clean", "audit", "silence", "watch"]
