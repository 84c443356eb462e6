"""What is read of each tensor: the columns of a table with a row for each.

What `asking` takes from here is compiled into it, and Numba keeps that on disk for as long as `asking.py`
stays as it is: whoever changes one touches the other.
"""

ADDRESS, NUMEL, SHAPE, DTYPE, DEVICE, INDEX, BYTES, PLAIN = range(COLUMNS := 8)
"""The first number's address, how many there are, a hash of the shape, codes, the bytes of the storage, and
whether it is one run."""

HASHED = 1_000_003
"""A prime, which a shape's sizes are hashed with."""
