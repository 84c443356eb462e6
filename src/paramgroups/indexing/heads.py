"""Which modules of a model are its output layers."""

from collections.abc import Iterator, Mapping, Sequence

from torch import nn

from paramgroups.indexing.kinds import kind_of, split_words
from paramgroups.indexing.places import Place
from paramgroups.indexing.roles import is_attention
from paramgroups.indexing.wrappers import class_of, submodules, tensors

# How a model tells its output layers itself, in transformers and in timm.
ASKED = ("get_output_embeddings", "get_classifier")
# The last word of a head's name or class; the first word of an auxiliary head's name.
WORDS = {"head", "heads", "classifier", "predictor"}
FIRST_WORDS = {"aux", "auxiliary"}
SEGMENTS = {"bbox_embed", "class_embed", "cls", "logits", "output_projection", "qa_outputs", "score"}
TOP_SEGMENTS = {"fc", "out", "output", "outc"}
LAYERS = {"linear", "transposed_linear", "linear_like", "conv", "transposed_conv"}
AFTER_A_HEAD = (nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.LogSigmoid, nn.Flatten, nn.Unflatten, nn.Identity)


def heads(walk: Sequence[Place], order: Mapping[int, int] | None = None) -> set[int]:
    """The output layers, as ids of modules.

    The model itself is asked, and names and types outside repeated blocks are read. Where these tell
    nothing, it is the last layer with parameters, if that is linear or a convolution, stands in the model
    itself or in a container of it, and no activation follows in that container.

    Args:
        walk: All places of the model.
        order: When each module, by its id, was first run, if that is known; else the model's order counts.
    """
    told = {*_asked(walk), *_named(walk)}
    return told or set(_last(walk, order or {}))


def _asked(walk: Sequence[Place]) -> Iterator[int]:
    root = [place.module for place in walk if not place.path][-1]
    for name in ASKED:
        method = getattr(root, name, None)
        if callable(method):
            yield from (id(module) for module in _flat(_answer(method)))


def _answer(method: object) -> object:
    try:
        return method()  # type: ignore[operator] # its one caller has seen that it is callable
    except (NotImplementedError, AttributeError, TypeError):
        return None


def _flat(answer: object) -> Iterator[nn.Module]:
    if isinstance(answer, nn.Module):
        yield answer
    elif isinstance(answer, tuple | list):
        for one in answer:
            yield from _flat(one)


def _named(walk: Sequence[Place]) -> Iterator[int]:
    outside = {walk[0].at}
    for place in walk:
        if place.parent is not None and place.parent.at in outside and not place.raw.isdigit():
            outside.add(place.at)
            if _is_named(place):
                yield id(place.module)


def _is_named(place: Place) -> bool:
    segment = place.segment
    words, written = split_words(segment), kind_of(class_of(place.module)).words
    last = {*words[-1:], *written[-1:]} & WORDS
    top = "." not in place.path and segment in TOP_SEGMENTS
    return bool(last or FIRST_WORDS.intersection(words[:1])) or segment in SEGMENTS or top


def _last(walk: Sequence[Place], order: Mapping[int, int]) -> Iterator[int]:
    backwards = list(reversed(walk))
    if order:
        backwards.sort(key=lambda place: -order.get(id(place.module), -1))
    holders = (place for place in backwards if any(one is not None for one in tensors(place.module).values()))
    last, before = next(holders, None), next(holders, None)
    if last is None or before is None or kind_of(class_of(last.module)).layer not in LAYERS:
        return
    if _stands_at_the_end(last, before):
        yield id(last.module)


def _stands_at_the_end(last: Place, before: Place) -> bool:
    above = last
    while above.parent is not None and above.parent not in _line(before):
        above = above.parent
    parents = _line(above)[1:]
    plain = all(isinstance(place.module, nn.Sequential | nn.ModuleList) for place in parents if place.path)
    within = any(is_attention(class_of(place.module)) for place in parents)
    return plain and not within and not _is_activated(last)


def _line(place: Place) -> list[Place]:
    line = [place]
    while line[-1].parent is not None:
        line.append(line[-1].parent)
    return line


def _is_activated(place: Place) -> bool:
    if place.parent is None or not isinstance(place.parent.module, nn.Sequential):
        return False
    modules = list(submodules(place.parent.module).values())
    after = modules[modules.index(place.module) + 1 :]
    return not all(isinstance(module, AFTER_A_HEAD) for module in after)
