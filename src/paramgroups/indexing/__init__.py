"""What is there: one frozen row for each distinct tensor of a model."""

from paramgroups.indexing.index import Index
from paramgroups.indexing.places import named_parameters
from paramgroups.indexing.reading import index
from paramgroups.indexing.roles import ROLES
from paramgroups.indexing.row import Row
from paramgroups.indexing.statistics import STATISTICS, measure

__all__ = ["ROLES", "STATISTICS", "Index", "Row", "index", "measure", "named_parameters"]
