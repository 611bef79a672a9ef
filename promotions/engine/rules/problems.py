"""What a check of a definition reports: problems, and references to rows of other tables."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinitionProblem:
    """What is wrong with a definition: where (a dotted path), a stable code, and a sentence for a person."""

    path: str
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """That a definition names a row of another table, by its key, at a path."""

    kind: str
    key: str
    path: str


def join_path(*parts: str | int) -> str:
    """A dotted path of the parts that are not empty."""
    return ".".join(str(part) for part in parts if part != "")
