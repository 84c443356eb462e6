import pytest

from paramgroups.control.bounding import bounded


@pytest.mark.parametrize(
    ("product", "factor", "floor", "ceiling", "after", "share"),
    [
        (1.0, 0.5, 0.0, None, 0.5, 0.5),
        (0.25, 0.5, 0.2, None, 0.2, 0.8),
        (0.2, 0.5, 0.2, None, 0.2, 1.0),
        (2.0, 2.0, 0.0, 3.0, 3.0, 1.5),
        (0.1, 0.1, 0.01, None, 0.1 * 0.1, 0.1),
        (0.1 * 0.1, 0.1, 0.01, None, 0.01, 1.0),
    ],
    ids=["free", "shortened", "at the floor", "ceiling", "to the floor", "a bit above the floor"],
)
def test_the_last_factor_is_shortened(  # noqa: PLR0917  # a row of the table
    product: float, factor: float, floor: float, ceiling: float | None, after: float, share: float
) -> None:
    assert bounded(product, factor, floor, ceiling) == (after, share)


def test_no_product_is_lost() -> None:
    product = 1.0
    for _ in range(20):
        product, _ = bounded(product, 1e-100, 0.0, None)
    assert product > 0
