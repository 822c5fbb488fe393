"""Every registration method behind one call; a new method is one file in this folder.

A file offers its methods, ready with the parameters of the book, in a list named `METHODS`.
Other parameters: `dataclasses.replace(methods.get("demons"), step=0.2)`.

A method derives from `Pairwise`, if it registers two images at a time; from `velocity.VelocityNetwork`, if a trained
network predicts the velocity of a pair; from `learned.Learned`, if a network predicts something else, such as the
parameters of a deformation, or sees a whole sequence; or else from `Method`.
"""

from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from regthesis.errors import MissingPeer, UserError
from regthesis.methods.base import Method, Pairwise

__all__ = ["Method", "MissingPeer", "Pairwise", "get", "names"]


def _all() -> dict[str, Method]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return {method.name: method for module in modules for method in getattr(module, "METHODS", [])}


def names() -> list[str]:
    """The names of all methods, in alphabetical order."""
    return sorted(_all())


def get(name: str) -> Method:
    """A method by its name.

    Raises:
        UserError: there is no such method; the message names the nearest.
    """
    known = _all()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
        raise UserError(f"method {name!r}: no such method; {hint}")
    return known[name]
