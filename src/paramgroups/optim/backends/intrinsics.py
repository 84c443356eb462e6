"""What a kernel needs below Numba's own language: memory by address, and the words of update rules."""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from paramgroups.optim.backends.cells import CELLS, Cell, converted

COMPUTING = {"float32": types.float32, "float64": types.float64}


def _scopes(builder: Any, count: int) -> list[Any]:
    """Metadata that keeps the arrays of a rule apart: without it, four written ones are not vectorised."""
    domain = builder.module.add_metadata(["paramgroups"])
    return [builder.module.add_metadata([f"array {place}", domain]) for place in range(count)]


def _apart(builder: Any, instruction: Any, scopes: Sequence[Any], place: int) -> None:
    others = [scope for other, scope in enumerate(scopes) if other != place]
    instruction.set_metadata("alias.scope", builder.module.add_metadata([scopes[place]]))
    instruction.set_metadata("noalias", builder.module.add_metadata(others))


def _pointer(builder: Any, cell: Cell, base: Any, index: Any) -> Any:
    return builder.gep(builder.inttoptr(base, cell.stored.as_pointer()), [index])


def loading(cells: Sequence[str], computing: str) -> Any:
    """`load(bases, index)`: one number of each array, in the type of computing.

    Args:
        cells: How each array keeps its numbers.
        computing: What they are computed in.
    """

    @intrinsic  # type: ignore[untyped-decorator] # numba has no types
    def load(_: Any, bases: Any, index: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            scopes, numbers = _scopes(builder, len(cells)), []
            for place, cell in enumerate(CELLS[name] for name in cells):
                base = builder.extract_value(args[0], place)
                number = builder.load(_pointer(builder, cell, base, args[1]))
                _apart(builder, number, scopes, place)
                numbers.append(converted(builder, cell.read(builder, number), COMPUTED[computing]))
            return context.make_tuple(builder, signature.return_type, numbers)

        return types.UniTuple(COMPUTING[computing], len(cells))(bases, index), write

    return load


def storing(cells: Sequence[str], written: Sequence[int]) -> Any:
    """`store(bases, index, numbers)`: one number to each array that is written.

    Args:
        cells: How each array keeps its numbers.
        written: The places of the arrays that are written.
    """

    @intrinsic  # type: ignore[untyped-decorator] # numba has no types
    def store(_: Any, bases: Any, index: Any, numbers: Any) -> Any:
        def write(context: Any, builder: Any, _: Any, args: Any) -> Any:
            scopes = _scopes(builder, len(cells))
            for number, place in enumerate(written):
                cell = CELLS[cells[place]]
                pointer = _pointer(builder, cell, builder.extract_value(args[0], place), args[1])
                value = cell.write(builder, builder.extract_value(args[2], number))
                _apart(builder, builder.store(value, pointer), scopes, place)
            return context.get_dummy_value()

        return types.void(bases, index, numbers), write

    return store


COMPUTED = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


def narrowing(computing: str) -> Any:
    """`narrow(constants)`: a rule's constants in the type of computing."""

    @intrinsic  # type: ignore[untyped-decorator] # numba has no types
    def narrow(_: Any, constants: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = [builder.extract_value(args[0], place) for place in range(len(constants))]
            numbers = [converted(builder, value, COMPUTED[computing]) for value in values]
            return context.make_tuple(builder, signature.return_type, numbers)

        return types.UniTuple(COMPUTING[computing], len(constants))(constants), write

    return narrow


@intrinsic  # type: ignore[untyped-decorator] # numba has no types
def claim(_: Any, counter: Any) -> Any:
    """The next number of a counter that threads share."""

    def write(_: Any, builder: Any, __: Any, args: Any) -> Any:
        word = ir.IntType(64)
        pointer = builder.inttoptr(args[0], word.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(word, 1), "monotonic")

    return types.int64(counter), write


@intrinsic  # type: ignore[untyped-decorator] # numba has no types
def sqrt(_: Any, number: Any) -> Any:
    """The root as one instruction; `math.sqrt` is a call, which stops a loop from being vectorised."""

    def write(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [args[0].type]), args)

    return number(number), write


@intrinsic  # type: ignore[untyped-decorator] # numba has no types
def where(_: Any, condition: Any, yes: Any, no: Any) -> Any:
    """One of two numbers, without a branch."""

    def write(_: Any, builder: Any, __: Any, args: Any) -> Any:
        return builder.select(*args)

    return yes(condition, yes, no), write


@intrinsic  # type: ignore[untyped-decorator] # numba has no types
def sign(_: Any, number: Any) -> Any:
    """1, 0 or −1; 0 for NaN."""

    def write(_: Any, builder: Any, __: Any, args: Any) -> Any:
        zero, one, minus = (ir.Constant(args[0].type, value) for value in (0.0, 1.0, -1.0))
        below = builder.select(builder.fcmp_ordered("<", args[0], zero), minus, zero)
        return builder.select(builder.fcmp_ordered(">", args[0], zero), one, below)

    return number(number), write


@intrinsic  # type: ignore[untyped-decorator] # numba has no types
def maximum(_: Any, one: Any, other: Any) -> Any:
    """The larger of two numbers; NaN where one is NaN."""

    def write(_: Any, builder: Any, __: Any, args: Any) -> Any:
        unordered = builder.fcmp_unordered("uno", args[0], args[0])
        larger = builder.fcmp_ordered(">", args[0], args[1])
        return builder.select(builder.or_(larger, unordered), *args)

    return one(one, other), write


WORDS = {"sqrt": sqrt, "where": where, "sign": sign, "maximum": maximum}
