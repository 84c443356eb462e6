"""What every test needs."""

from tests.support import import_transformers

import_transformers()
