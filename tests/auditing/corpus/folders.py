"""A folder on the disk for as long as a set-up is held."""

import shutil
import tempfile
import weakref
from pathlib import Path


class Folder:
    """A new folder; it is removed with this object, without a word."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
