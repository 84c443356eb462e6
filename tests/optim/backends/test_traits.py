"""The columns of what is read of each tensor."""

from paramgroups.optim.backends import reading, traits


def test_columns_are_a_count_from_0_and_the_address_is_first() -> None:
    """What compares everything but the address cuts it off in front."""
    names = ("ADDRESS", "NUMEL", "SHAPE", "DTYPE", "DEVICE", "INDEX", "BYTES", "PLAIN")
    assert [getattr(traits, name) for name in names] == list(range(traits.COLUMNS))


def test_there_is_a_question_for_each_column_and_one_for_the_dimensions() -> None:
    asked = dict(enumerate(reading.QUESTIONS))
    assert asked[traits.ADDRESS] == "get_data_ptr"
    assert asked[traits.SHAPE] == "get_sizes"
    assert asked[traits.INDEX] == "get_device_index"
    assert asked[traits.PLAIN] == "is_contiguous"
    assert len(reading.QUESTIONS) == traits.COLUMNS + 1


def test_shapes_are_hashed_with_a_prime() -> None:
    assert all(traits.HASHED % number for number in range(2, 1001))
