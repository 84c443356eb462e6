"""The tree of names: everything under a path is one slice."""

from hypothesis import given
from hypothesis import strategies as st

from paramgroups.indexing.tree import Tree, walk

SEGMENTS = st.lists(st.sampled_from(["a", "b", "0", "10", "weight"]), min_size=1, max_size=4)


@given(st.lists(SEGMENTS.map(".".join), unique=True, max_size=30))
def test_a_node_holds_exactly_what_stands_under_its_path(names: list[str]) -> None:
    tree = Tree((name, position) for position, name in enumerate(names))
    assert sorted(tree.order.tolist()) == list(range(len(names)))
    for path, node in walk(tree.root):
        dotted = ".".join(path)
        under = {at for at, name in enumerate(names) if f"{name}.".startswith(f"{dotted}.")}
        assert set(tree.order[node.start : node.stop].tolist()) == under


def test_a_tied_parameter_stands_there_once_for_each_name() -> None:
    tree = Tree([("embed.weight", 0), ("mid.weight", 1), ("head.weight", 0)])
    assert tree.order.tolist() == [0, 1, 0]
    head = tree.root.children["head"]
    assert (head.start, head.stop) == (2, 3)
