"""Classes of named values, as ``dataclasses`` makes them, at a fraction of the start-up time.

``dataclasses`` compiles some six functions for each class as soon as the module is imported: 0.7 ms a class, 13 ms for
its own imports. With it in place of this module ``version`` took 68 ms of processor time for 43, ``snapshots`` 777 for
711, ``backup`` of a few files 826 for 732 (medians of 20 alternated runs, key derivation included). Here one function
is compiled, and not before the first instance of its class is made; a command makes instances of few. What a type
checker sees is the same (PEP 681). Everything that a short command of the user's may import uses this; servers may use
either.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable

Class = TypeVar("Class")
Instance = TypeVar("Instance")

_FIELDS = "__record_fields__"
_UNSET: Any = object()


class _Field:
    """How a field is made when it is not given, and whether ``repr`` may show it."""

    __slots__ = ("default", "factory", "shown")

    def __init__(self, default: Any, factory: Callable[[], Any] | None, shown: bool) -> None:
        self.default = default
        self.factory = factory
        self.shown = shown


def field(*, default: Any = _UNSET, default_factory: Callable[[], Any] | None = None, repr: bool = True) -> Any:
    """A field with a default that is made for each instance, or one that ``repr`` leaves out since it is a secret."""
    return _Field(default, default_factory, repr)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[Class]) -> type[Class]:
    """A class whose instances never change: slots, ``__init__``, ``==``, a hash and ``repr`` from its annotations."""
    return _make(cls, frozen=True)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def keyword_record(cls: type[Class]) -> type[Class]:
    """A record whose fields are given by name only, so that those with defaults may stand before others."""
    return _make(cls, frozen=True, by_name=True)


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: type[Class]) -> type[Class]:
    """The same for instances whose fields may be set; they have no hash."""
    return _make(cls, frozen=False)


def names_of(thing: object) -> tuple[str, ...]:
    """The names of the fields of a record or of a class of records, in their order."""
    return tuple(getattr(thing, _FIELDS))


def as_dict(instance: object) -> dict[str, Any]:
    """The fields by name; values are as they are, records inside stay records."""
    return {name: getattr(instance, name) for name in names_of(instance)}


def replace(instance: Instance, **changes: Any) -> Instance:
    """A copy with other values in some fields."""
    return type(instance)(**(as_dict(instance) | changes))


def _make(cls: type[Class], *, frozen: bool, by_name: bool = False) -> type[Class]:
    fields: dict[str, _Field] = dict(getattr(cls, _FIELDS, {}))
    body = dict(cls.__dict__)
    own = [name for name, kind in body.get("__annotations__", {}).items() if not str(kind).startswith("ClassVar")]
    for name in own:
        given = body.pop(name, _UNSET)
        fields[name] = given if isinstance(given, _Field) else _Field(given, None, True)
    body.pop("__dict__", None)
    body.pop("__weakref__", None)
    body |= {_FIELDS: fields, "__slots__": tuple(own), "__match_args__": () if by_name else tuple(fields)}
    for name, function in _functions(fields, frozen=frozen).items():
        body.setdefault(name, function)
    metaclass: Any = type(cls)
    made = metaclass(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    _let_super_find(made, cls)
    if "__init__" not in cls.__dict__:
        made.__init__ = _first_init(made, fields, frozen, by_name)
    return made  # type: ignore[no-any-return]


def _let_super_find(made: type, written: type) -> None:
    """A bare ``super()`` looks for the class in a cell, which holds the one that was written until here."""
    for given in vars(written).values():
        function = getattr(given, "__func__", None) or getattr(given, "fget", None) or given
        code = getattr(function, "__code__", None)
        if code is not None and "__class__" in code.co_freevars:
            function.__closure__[code.co_freevars.index("__class__")].cell_contents = made


def _functions(fields: dict[str, _Field], *, frozen: bool) -> dict[str, Any]:
    """What need not be compiled, since it is the same for all classes or called rarely."""
    values = attrgetter(*fields) if fields else lambda _: ()
    shown = [name for name, one in fields.items() if one.shown]

    def equals(self: object, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def text(self: object) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({inside})"

    functions: dict[str, Any] = {"__eq__": equals, "__repr__": text, "__hash__": None}
    if frozen:
        functions |= {
            "__hash__": lambda self: hash(values(self)),
            "__setattr__": _refuse_to_set,
            "__delattr__": _refuse_to_set,
            "__getstate__": as_dict,
            "__setstate__": _set_state,
        }
    return functions


def _set_state(self: object, state: dict[str, Any]) -> None:
    """For ``copy`` and ``pickle``, which set fields past ``__init__``; as with dataclasses nothing is checked again."""
    for name, value in state.items():
        getattr(type(self), name).__set__(self, value)


def _refuse_to_set(self: object, name: str, _value: object = None) -> None:
    raise AttributeError(f"{type(self).__qualname__}.{name} cannot be changed")


def _first_init(cls: type, fields: dict[str, _Field], frozen: bool, by_name: bool) -> Callable[..., None]:
    """An ``__init__`` that compiles the real one when it is called, and puts that into its own place."""

    def __init__(self: object, *args: Any, **keywords: Any) -> None:
        init = _compiled_init(cls, fields, frozen, by_name)
        cls.__init__ = init  # type: ignore[misc]
        init(self, *args, **keywords)

    return __init__


def _compiled_init(cls: type, fields: dict[str, _Field], frozen: bool, by_name: bool) -> Callable[..., None]:
    known: dict[str, Any] = {"_UNSET": _UNSET}
    parameters, lines = ["self"] + ["*"] * by_name, ["pass"]
    for name, one in fields.items():
        value = name
        if one.factory is not None:
            known["_make_" + name] = one.factory
            value = f"_make_{name}() if {name} is _UNSET else {name}"
            parameters.append(f"{name}=_UNSET")
        elif one.default is not _UNSET:
            known["_default_" + name] = one.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        if frozen:  # the slot's own setter, past the ``__setattr__`` that refuses
            known["_set_" + name] = getattr(cls, name).__set__
            lines.append(f"_set_{name}(self, {value})")
        else:
            lines.append(f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    source = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(lines)
    exec(source, known)  # the names are those of a class in this program
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init
