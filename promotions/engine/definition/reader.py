"""The one place that checks what a promotion says.

A definition is three documents as marketers and integrators write them: ``outcome``, ``eligibility`` and ``content``.
``check_loyalty`` and ``check_discount`` turn them into normal form (defaults filled in, numbers as plain text, trees
checked) or say everything that is wrong, each with its path. The admin, the REST API and imports all call them; the
rulebook compiles nothing else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from promotions.engine.definition.fields import MAX_LENGTHS
from promotions.engine.money import money_text, to_minor
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.check import check_tree, normalized_number
from promotions.engine.rules.problems import Problem, Reference, join_path

Document = dict[str, Any]

_INSERT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


class InvalidDefinition(ValueError):
    """A definition with everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.detail}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A promotion's documents in normal form, its subtype, and the rows of other tables that it names."""

    type: str
    subtype: str
    outcome: Document
    eligibility: Document
    content: Document
    references: tuple[Reference, ...]


@dataclass(kw_only=True, slots=True)
class Findings:
    """What a check has found so far."""

    catalogue_enabled: bool
    problems: list[Problem] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def problem(self, path: str, code: str, detail: str) -> None:
        self.problems.append(Problem(path=path, code=code, detail=detail))

    def tree(self, value: object, scope: Scope, path: str) -> Document | None:
        tree, problems, references = check_tree(value, scope, path=path, catalogue_enabled=self.catalogue_enabled)
        self.problems += problems
        self.references += references
        return tree

    def only_catalogue_free(self, tree: Document | None, path: str) -> None:
        """Without a catalogue a product selection knows products by SKU alone."""
        if tree is None or self.catalogue_enabled:
            return
        for i, rule in enumerate(tree["rules"]):
            if rule is None:
                continue
            at = join_path(path, "rules", i)
            if "rules" in rule:
                self.only_catalogue_free(rule, at)
            elif rule["attribute"] != "sku":
                self.problem(
                    join_path(at, "attribute"),
                    "catalogue_disabled",
                    "Without a product catalogue products are selected by SKU alone.",
                )


class ObjectReader:
    """Reads one object of a definition, key by key; what is left unread at the end is unknown."""

    def __init__(self, value: object, path: str, checks: Findings) -> None:
        self.path, self.checks = path, checks
        self.unread: dict[str, Any] = {}
        if isinstance(value, Mapping):
            self.unread = dict(value)
        elif value is not None:
            checks.problem(path, "invalid", "Expected an object.")

    def at(self, name: str) -> str:
        return join_path(self.path, name)

    def take(self, name: str) -> Any:
        """What stands under a name, which is read then; None is nothing, as null is."""
        return self.unread.pop(name, None)

    def says(self, name: str) -> bool:
        """Whether there is something under a name; null and an empty text say nothing."""
        return self.unread.get(name) not in (None, "")

    def nothing(self, name: str, *, owner: str) -> None:
        """Take what only other types have."""
        if self.says(name):
            self.checks.problem(self.at(name), "not_of_type", f"{owner} has no such field.")
        self.take(name)

    def end(self, *, elsewhere: frozenset[str] = frozenset(), owner: str = "") -> None:
        for name in self.unread:
            if name in elsewhere:
                self.checks.problem(
                    self.at(str(name)), "not_of_type", f"A promotion of type {owner} has no such field."
                )
            else:
                self.checks.problem(self.at(str(name)), "unknown_field", "Unknown field.")

    def text(self, name: str, *, longest: int, inserts: tuple[str, ...] | None = None) -> str:
        value = self.take(name)
        if value is None:
            return ""
        if not isinstance(value, str) or "\x00" in value:
            self.checks.problem(self.at(name), "invalid", "Expected a text.")
            return ""
        if len(value) > longest:
            self.checks.problem(self.at(name), "max_length", f"Expected {longest} characters at most.")
        for insert in _INSERT.findall(value) if inserts is not None else ():
            if insert.strip() not in (inserts or ()):
                known = ", ".join(inserts or ())
                self.checks.problem(
                    self.at(name), "unknown_insert", f"Unknown insert {{{{{insert}}}}}; known are {known}."
                )
        return value

    def url(self, name: str) -> str:
        value = self.text(name, longest=MAX_LENGTHS["url"]).strip()
        if value and not _is_https(value):
            self.checks.problem(self.at(name), "invalid_url", "Only addresses that start with https:// are allowed.")
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.checks.problem(self.at(name), "invalid", "Expected true or false.")
            return default
        return value

    def choice(self, name: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.take(name)
        if value is None and default is not None:
            return default
        if value is None or value == "":
            self.checks.problem(self.at(name), "required", "This field is required.")
            return choices[0]
        if value not in choices:
            self.checks.problem(self.at(name), "invalid_choice", f"Must be one of {', '.join(choices)}.")
            return choices[0]
        return str(value)

    def whole(self, name: str, *, lowest: int, highest: int, default: int | None = None, digits: bool = False) -> int:
        value = self.optional_whole(name, lowest=lowest, highest=highest, digits=digits)
        if value is not None:
            return value
        if default is None:
            if not any(problem.path == self.at(name) for problem in self.checks.problems):
                self.checks.problem(self.at(name), "required", "This field is required.")
            return lowest
        return default

    def optional_whole(self, name: str, *, lowest: int, highest: int, digits: bool = False) -> int | None:
        """A whole number. Quantities may be ``digits`` of a text too, as on a till's lines; points and limits not."""
        value = self.take(name)
        if value is None:
            return None
        if digits and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            self.checks.problem(self.at(name), "invalid_number", f"Expected a whole number from {lowest} to {highest}.")
            return None
        return value

    def number(
        self, name: str, *, allowed: Callable[[Decimal], bool], expected: str, default: str | None = None
    ) -> str:
        value = self.take(name)
        if value is None or value == "":
            if default is None:
                self.checks.problem(self.at(name), "required", "This field is required.")
            return default or "1"
        try:
            text = normalized_number(value)
        except ValueError as error:
            self.checks.problem(self.at(name), "invalid_number", str(error))
            return default or "1"
        if not allowed(Decimal(text)):
            self.checks.problem(self.at(name), "invalid_number", expected)
        return text

    def optional_money(self, name: str, *, currency: str, above_zero: bool = True) -> str | None:
        """An amount with exactly the decimals of its currency."""
        value = self.take(name)
        if value is None or value == "":
            return None
        try:
            amount = Decimal(normalized_number(value))
            text = money_text(to_minor(amount, currency), currency)
        except ValueError as error:
            self.checks.problem(self.at(name), "invalid_number", f"{error}".removesuffix(".") + ".")
            return None
        if amount < 0 or (above_zero and not amount):
            expected = "above 0" if above_zero else "of 0 or more"
            self.checks.problem(self.at(name), "invalid_number", f"Expected an amount {expected}.")
        return text

    def money(self, name: str, *, currency: str, above_zero: bool = True) -> str | None:
        """An amount that must be there."""
        if not self.says(name):
            self.checks.problem(self.at(name), "required", "This field is required.")
        return self.optional_money(name, currency=currency, above_zero=above_zero)

    def objects(self, name: str, *, most: int) -> "list[ObjectReader]":
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.checks.problem(self.at(name), "invalid", "Expected a list.")
            return []
        if len(value) > most:
            self.checks.problem(self.at(name), "max_length", f"Expected {most} entries at most.")
        entries = []
        for i, one in enumerate(value[:most]):
            path = join_path(self.path, name, i)
            if one is None:  # it leaves a field out; an entry that says nothing would be a set of every product
                self.checks.problem(path, "invalid", "Expected an object.")
            else:
                entries.append(ObjectReader(one, path, self.checks))
        return entries

    def optional_object(self, name: str) -> "ObjectReader | None":
        value = self.take(name)
        if value is None:
            return None
        return ObjectReader(value, self.at(name), self.checks)


def _is_https(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and not re.search(r"[\s\"'<>\\\x00-\x1f]", value)
