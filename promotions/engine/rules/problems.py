"""Problems of a definition, and references to rows of other tables."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinitionProblem:
    """A fault of a definition: its dotted path, a stable code, and a sentence for a person."""

    path: str
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A row of another table that a definition names, by its key, at a path."""

    kind: str
    key: str
    path: str


def join_path(*parts: str | int) -> str:
    """Return a dotted path of the parts that are not empty."""
    return ".".join(str(part) for part in parts if part != "")
