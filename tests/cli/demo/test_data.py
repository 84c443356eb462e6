"""Which images are learned from, and which are tested on."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from paramgroups.cli.demo.data import APART, Digits, Images, batches, task


def as_set(images: Images) -> set[bytes]:
    return {image.numpy().tobytes() for image in images.pixels}


def test_all_scans_are_shared_out(digits: Digits) -> None:
    assert [len(part) for part in digits] == [901, 300, 596]
    assert sum(map(len, digits)) == 1797


def test_pixels_are_from_zero_to_one_and_digits_are_classes(digits: Digits) -> None:
    for part in digits:
        assert part.pixels.shape == (len(part), 1, 8, 8)
        assert (float(part.pixels.min()), float(part.pixels.max())) == (0.0, 1.0)
        assert part.digits.unique().tolist() == [0, 1, 2, 3, 4]


def test_rates_are_chosen_on_images_of_their_own(digits: Digits) -> None:
    assert digits.apart.digits.bincount().tolist() == [APART] * 5
    assert not as_set(digits.apart) & as_set(digits.new)


@given(labels=st.integers(1, APART - 1), seed=st.integers(0, 2**31))
def test_nothing_labelled_is_tested_on(labels: int, seed: int) -> None:
    images = Images(torch.arange(300.0), torch.arange(300) % 5)
    drawn = task(images, labels, seed)
    assert drawn.labelled.digits.bincount().tolist() == [labels] * 5
    seen = torch.cat([drawn.labelled.pixels, drawn.test.pixels])
    assert seen.sort().values.equal(images.pixels)


def test_a_seed_draws_the_same_labels_again_and_another_others(digits: Digits) -> None:
    first, again, other = (task(digits.new, 10, seed).labelled.pixels for seed in (3, 3, 4))
    assert first.equal(again)
    assert not first.equal(other)


@given(images=st.integers(1, 60), size=st.integers(1, 70), steps=st.integers(1, 20), seed=st.integers(0, 99))
def test_batches_have_one_size_and_no_image_twice(images: int, size: int, steps: int, seed: int) -> None:
    found = batches(images, size, steps, seed)
    assert len(found) == steps
    assert {len(batch) for batch in found} == {min(size, images)}
    assert all(len(batch.unique()) == len(batch) for batch in found)


def test_all_images_are_seen_before_one_is_seen_again() -> None:
    found = batches(images=6, size=2, steps=6, seed=0)
    assert torch.cat(found[:3]).sort().values.tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.cat(found[3:]).sort().values.tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.cat(found[:3]).tolist() != torch.cat(found[3:]).tolist()
