"""A command's options as one frozen dataclass, instead of a parameter each.

Typer reads a function's signature; ``expanded`` gives it one with a parameter per field.
"""

from collections.abc import Callable
from dataclasses import Field, fields
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def expanded(function: Callable[..., None], flags: type[Any]) -> Callable[..., None]:
    """*function* for Typer: its parameter ``flags`` replaced by the fields of *flags*."""
    hints = get_type_hints(flags, include_extras=True)
    own_hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=own_hints[parameter.name])
        for parameter in signature(function).parameters.values()
        if parameter.name != "flags"
    ]
    options = [_parameter(field, hints[field.name]) for field in fields(flags)]

    def command(**given: Any) -> None:
        chosen = {field.name: given.pop(field.name) for field in fields(flags)}
        function(**given, flags=flags(**chosen))

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__annotations__ = {item.name: item.annotation for item in (*own, *options)}
    command.__dict__["__signature__"] = Signature([*own, *options])
    return command


def _parameter(field: Field[Any], annotation: Any) -> Parameter:
    return Parameter(
        field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation
    )
