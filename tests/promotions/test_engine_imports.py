"""The engine stands on the standard library alone."""

import ast
import sys
from pathlib import Path

import promotions.engine


def imported_by(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_the_engine_imports_only_itself_and_the_standard_library() -> None:
    for file in Path(promotions.engine.__path__[0]).rglob("*.py"):
        foreign = {
            name
            for name in imported_by(file)
            if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("promotions.engine")
        }
        assert not foreign, f"{file.name} imports {sorted(foreign)}"
