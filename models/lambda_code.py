"""What a marshalled Python lambda computes, found by reading it; nothing of it is ever executed.

Keras saves a Lambda layer as the byte code of the Python version that saved it. That cannot be loaded by
another version, and loading it at all would run code that came with a file. So the few instructions that an
affine function of one argument needs are followed here with pairs (scale, offset) in place of numbers, for
Python 3.6 to 3.13.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

CODE_MAX_BYTES = 4096

_REFERENCED = 0x80
_DEPTH_MAX = 8


class UnknownCodeError(ValueError):
    """A code that is no affine function of one argument, or that cannot be read."""


@dataclass(frozen=True, slots=True)
class Affine:
    """The function `scale * x + offset`."""

    scale: float
    offset: float


@dataclass(frozen=True, slots=True)
class _Dialect:
    """The byte code of some Python versions: which numbers its instructions have."""

    load_argument: int
    load_constant: int
    give_back: int
    ignored: frozenset[int]
    operators: dict[int, str]
    binary: int | None = None
    binary_operators: tuple[tuple[int, str], ...] = ()


_BINARY = ((0, "+"), (5, "*"), (10, "-"), (11, "/"))

_DIALECTS = (
    _Dialect(124, 100, 83, frozenset(), {23: "+", 20: "*", 24: "-", 27: "/"}),
    _Dialect(124, 100, 83, frozenset({0, 151}), {}, 122, _BINARY),
    _Dialect(85, 83, 36, frozenset({0, 149}), {}, 45, _BINARY),
)


@dataclass(frozen=True, slots=True)
class _Code:
    """The parts of a code object that its meaning depends on."""

    arguments: int
    instructions: bytes
    constants: tuple[object, ...]


def read_affine(marshalled: bytes) -> Affine:
    """Returns the affine function that a marshalled lambda computes.

    Raises:
        UnknownCodeError: It computes anything else, or cannot be read.
    """
    if len(marshalled) > CODE_MAX_BYTES:
        raise UnknownCodeError("the code is too long")
    code = _read_code(marshalled)
    if code.arguments != 1:
        raise UnknownCodeError("the code does not take one argument")
    meanings = {meaning for dialect in _DIALECTS if (meaning := _meaning(code, dialect)) is not None}
    if len(meanings) != 1:
        raise UnknownCodeError("the code is no affine function")
    return meanings.pop()


def _meaning(code: _Code, dialect: _Dialect) -> Affine | None:
    """Follows the instructions on a stack of affine functions; None where one is not known."""
    stack: list[Affine] = []
    steps = list(zip(code.instructions[::2], code.instructions[1::2], strict=False))
    for position, (instruction, argument) in enumerate(steps):
        if instruction in dialect.ignored:
            continue
        if instruction == dialect.give_back:
            return stack[0] if len(stack) == 1 and position == len(steps) - 1 else None
        if instruction == dialect.load_argument and argument == 0:
            stack.append(Affine(1.0, 0.0))
        elif instruction == dialect.load_constant and argument < len(code.constants):
            constant = code.constants[argument]
            if not isinstance(constant, (int, float)) or isinstance(constant, bool):
                return None
            stack.append(Affine(0.0, float(constant)))
        else:
            operator = dialect.operators.get(instruction)
            if instruction == dialect.binary:
                operator = dict(dialect.binary_operators).get(argument)
            if operator is None or len(stack) < 2:
                return None
            right, left = stack.pop(), stack.pop()
            result = _applied(operator, left, right)
            if result is None:
                return None
            stack.append(result)
    return None


def _applied(operator: str, left: Affine, right: Affine) -> Affine | None:
    if operator == "+":
        return Affine(left.scale + right.scale, left.offset + right.offset)
    if operator == "-":
        return Affine(left.scale - right.scale, left.offset - right.offset)
    if operator == "*" and left.scale == 0.0:
        return Affine(left.offset * right.scale, left.offset * right.offset)
    if operator == "*" and right.scale == 0.0:
        return Affine(left.scale * right.offset, left.offset * right.offset)
    if operator == "/" and right.scale == 0.0 and right.offset != 0.0:
        return Affine(left.scale / right.offset, left.offset / right.offset)
    return None


def _read_code(marshalled: bytes) -> _Code:
    """Reads a code object, whose head has five or six numbers, depending on the version."""
    for numbers in (5, 6):
        try:
            return _Reader(marshalled).code(numbers)
        except (UnknownCodeError, struct.error, IndexError, UnicodeDecodeError):
            continue
    raise UnknownCodeError("the code cannot be read")


class _Reader:
    """Reads the beginning of a marshalled code object: plain values only."""

    def __init__(self, marshalled: bytes) -> None:
        self._bytes = marshalled
        self._position = 0
        self._references: list[object] = []
        self._simple: dict[int, Callable[[], object]] = {
            ord("N"): lambda: None,
            ord("T"): lambda: True,
            ord("F"): lambda: False,
            ord("i"): lambda: self._unpack("<i"),
            ord("g"): lambda: self._unpack("<d"),
            ord("s"): lambda: self._take(self._unpack("<i")),
            ord("z"): lambda: self._take(self._unpack("<B")).decode("ascii"),
            ord("Z"): lambda: self._take(self._unpack("<B")).decode("ascii"),
            ord("a"): lambda: self._take(self._unpack("<i")).decode("ascii"),
            ord("A"): lambda: self._take(self._unpack("<i")).decode("ascii"),
            ord("u"): lambda: self._take(self._unpack("<i")).decode("utf-8"),
            ord("r"): lambda: self._references[self._unpack("<i")],
        }

    def code(self, numbers: int) -> _Code:
        kind = self._unpack("<B")
        if kind & ~_REFERENCED != ord("c"):
            raise UnknownCodeError("this is no code")
        if kind & _REFERENCED:
            self._references.append(None)
        head = [self._unpack("<i") for _ in range(numbers)]
        instructions, constants, names = self._value(), self._value(), self._value()
        if not isinstance(instructions, bytes) or not isinstance(constants, tuple) or names != ():
            raise UnknownCodeError("the code uses names")
        return _Code(head[0], instructions, constants)

    def _value(self, depth: int = 0) -> object:
        kind = self._unpack("<B")
        referenced, kind = kind & _REFERENCED, kind & ~_REFERENCED
        if referenced:
            place = len(self._references)
            self._references.append(None)
        if kind in (ord("("), ord(")")) and depth < _DEPTH_MAX:
            size = self._unpack("<i" if kind == ord("(") else "<B")
            if not 0 <= size <= CODE_MAX_BYTES:
                raise UnknownCodeError("a tuple is too long")
            value: object = tuple(self._value(depth + 1) for _ in range(size))
        elif kind in self._simple:
            value = self._simple[kind]()
        else:
            raise UnknownCodeError("the code holds more than plain values")
        if referenced:
            self._references[place] = value
        return value

    def _unpack(self, form: str) -> int:
        size = struct.calcsize(form)
        value: int = struct.unpack(form, self._take(size))[0]
        return value

    def _take(self, size: int) -> bytes:
        if size < 0 or self._position + size > len(self._bytes):
            raise UnknownCodeError("the code is cut off")
        taken = self._bytes[self._position : self._position + size]
        self._position += size
        return taken
