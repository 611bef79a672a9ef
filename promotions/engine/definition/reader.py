"""Read the objects of a definition key by key, and collect what is wrong with them."""

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from promotions.engine.definition.fields import MAX_KEY_LENGTH, MAX_SKU_LENGTH, MAX_URL_LENGTH, Document
from promotions.engine.money import money_text, to_minor
from promotions.engine.rules.attributes import Scope
from promotions.engine.rules.check import check_tree, normalized_number
from promotions.engine.rules.problems import DefinitionProblem, Reference, join_path

_INSERT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters, which no screen shows; tabs and line breaks are part of a text of several lines."""


class InvalidDefinition(ValueError):
    """A definition with everything that is wrong with it."""

    def __init__(self, problems: list[DefinitionProblem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.detail}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A promotion's documents in normal form, its subtype, and the rows of other tables that it names.

    A budget is None where there is none.
    """

    type: str
    subtype: str
    outcome: Document
    eligibility: Document
    content: Document
    references: tuple[Reference, ...]
    budget: Document | None = None
    customer_budget: Document | None = None


@dataclass(kw_only=True, slots=True)
class Findings:
    """What the check of one definition has found so far."""

    catalogue_enabled: bool
    problems: list[DefinitionProblem] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def add_problem(self, path: str, code: str, detail: str) -> None:
        """Add a problem at a path."""
        self.problems.append(DefinitionProblem(path=path, code=code, detail=detail))

    def check_tree(self, value: object, scope: Scope, path: str) -> Document | None:
        """Return a tree in normal form; add its problems and references."""
        tree, problems, references = check_tree(value, scope, path=path, catalogue_enabled=self.catalogue_enabled)
        self.problems += problems
        self.references += references
        return tree

    def check_catalogue_free(self, tree: Document | None, path: str) -> None:
        """Check that a product selection knows products by SKU alone, where the account has no catalogue."""
        if tree is None or self.catalogue_enabled:
            return
        for i, rule in enumerate(tree["rules"]):
            if rule is None:
                continue
            rule_path = join_path(path, "rules", i)
            if "rules" in rule:
                self.check_catalogue_free(rule, rule_path)
            elif rule["attribute"] != "sku":
                self.add_problem(
                    join_path(rule_path, "attribute"),
                    "catalogue_disabled",
                    "Without a product catalogue, products can only be selected by SKU.",
                )


class ObjectReader:
    """Reads one object of a definition key by key; a key that is left unread at the end is unknown."""

    def __init__(self, value: object, path: str, findings: Findings) -> None:
        self.path, self.findings = path, findings
        self.unread: dict[str, Any] = {}
        if isinstance(value, Mapping):
            self.unread = dict(value)
        elif value is not None:
            findings.add_problem(path, "invalid", "Must be an object.")

    def at(self, name: str) -> str:
        """Return the path of a key."""
        return join_path(self.path, name)

    def add_problem(self, name: str, code: str, detail: str) -> None:
        """Add a problem with the value of a key."""
        self.findings.add_problem(self.at(name), code, detail)

    def take(self, name: str) -> Any:
        """Return the value of a key, which is read then; None where it is absent or null."""
        return self.unread.pop(name, None)

    def has_value(self, name: str) -> bool:
        """Return whether a key has a value; null and an empty text are none."""
        return self.unread.get(name) not in (None, "")

    def refuse(self, name: str, *, owner: str) -> None:
        """Take a key that only other types have, and report its value."""
        if self.has_value(name):
            self.add_problem(name, "not_of_type", f"{owner} does not have this field.")
        self.take(name)

    def finish(self, *, fields_of_other_types: Container[str] = (), owner: str = "") -> None:
        """Report the keys that were not read. ``owner`` is the promotion type, for keys that only other types have."""
        for name in self.unread:
            if name in fields_of_other_types:
                self.add_problem(str(name), "not_of_type", f"A promotion of type {owner} does not have this field.")
            else:
                self.add_problem(str(name), "unknown_field", "Unknown field.")

    def text(self, name: str, *, max_length: int, inserts: tuple[str, ...] | None = None) -> str:
        """Return a text, empty where it is absent; with ``inserts`` the names in double braces must be among them."""
        value = self.take(name)
        if value is None:
            return ""
        if not isinstance(value, str) or "\x00" in value:
            self.add_problem(name, "invalid", "Must be text.")
            return ""
        if len(value) > max_length:
            self.add_problem(name, "max_length", f"Must be at most {max_length} characters.")
        if control := _CONTROL.search(value):
            detail = f"This has a control character (U+{ord(control.group()):04X}). Remove it."
            self.add_problem(name, "control_character", detail)
        if inserts is not None:
            self._check_inserts(name, value, inserts)
        return value

    def _check_inserts(self, name: str, text: str, inserts: tuple[str, ...]) -> None:
        for insert in _INSERT.findall(text):
            if insert.strip() not in inserts:
                detail = f"Unknown insert {{{{{insert}}}}}. Use one of: {', '.join(inserts)}."
                self.add_problem(name, "unknown_insert", detail)
        if "{{" in _INSERT.sub("", text):
            self.add_problem(name, "unclosed_insert", "An insert begins with {{ but has no closing }}.")

    def url(self, name: str) -> str:
        """Return an address that begins with https://, empty where it is absent."""
        value = self.text(name, max_length=MAX_URL_LENGTH).strip()
        if value and re.search(r"\s", value):
            self.add_problem(name, "blank_in_address", "An address cannot contain a space. Write it as %20.")
        elif value and not _is_https(value):
            self.add_problem(name, "invalid_url", "The address must start with https://.")
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.add_problem(name, "invalid", "Must be true or false.")
            return default
        return value

    def choice(self, name: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
        """Return one of some choices."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        if value is None or value == "":
            self.add_problem(name, "required", "This field is required.")
            return choices[0]
        if value not in choices:
            self.add_problem(name, "invalid_choice", f"Must be one of {', '.join(choices)}.")
            return choices[0]
        return str(value)

    def whole(self, name: str, *, lowest: int, highest: int, default: int | None = None, digits: bool = False) -> int:
        """Return a whole number; see ``optional_whole``."""
        value = self.optional_whole(name, lowest=lowest, highest=highest, digits=digits)
        if value is not None:
            return value
        if default is None:
            if not any(problem.path == self.at(name) for problem in self.findings.problems):
                self.add_problem(name, "required", "This field is required.")
            return lowest
        return default

    def optional_whole(self, name: str, *, lowest: int, highest: int, digits: bool = False) -> int | None:
        """Return a whole number, or None.

        With ``digits`` a text of digits is one too: so quantities are written on a till's lines, but points and limits
        are not.
        """
        value = self.take(name)
        if value is None:
            return None
        if digits and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            self.add_problem(name, "invalid_number", f"Must be a whole number from {lowest} to {highest}.")
            return None
        return value

    def number(self, name: str, *, allowed: Callable[[Decimal], bool], expected: str) -> str:
        """Return a required number as plain text; ``expected`` is the problem of one that is not allowed."""
        value = self.take(name)
        if value is None or value == "":
            self.add_problem(name, "required", "This field is required.")
            return "1"
        try:
            text = normalized_number(value)
        except ValueError as error:
            self.add_problem(name, "invalid_number", str(error))
            return "1"
        if not allowed(Decimal(text)):
            self.add_problem(name, "invalid_number", expected)
        return text

    def optional_money(self, name: str, *, currency: str, above_zero: bool = True) -> str | None:
        """Return an amount with exactly the decimals of its currency, or None."""
        value = self.take(name)
        if value is None or value == "":
            return None
        try:
            amount = Decimal(normalized_number(value))
            text = money_text(to_minor(amount, currency), currency)
        except ValueError as error:
            self.add_problem(name, "invalid_number", f"{error}".removesuffix(".") + ".")
            return None
        if amount < 0 or (above_zero and not amount):
            expected = "above 0" if above_zero else "of 0 or more"
            self.add_problem(name, "invalid_number", f"Must be an amount {expected}.")
        return text

    def money(self, name: str, *, currency: str, above_zero: bool = True) -> str | None:
        """Return a required amount with exactly the decimals of its currency; None where it is not one."""
        if not self.has_value(name):
            self.add_problem(name, "required", "This field is required.")
        return self.optional_money(name, currency=currency, above_zero=above_zero)

    def key(self, name: str, *, kind: str) -> str:
        """Return the key of a row of another table; see ``read_key``."""
        return read_key(self.take(name), kind=kind, path=self.at(name), findings=self.findings)

    def tree(self, name: str, scope: Scope) -> Document | None:
        """Return a tree of rules in normal form."""
        return self.findings.check_tree(self.take(name), scope, self.at(name))

    def objects(self, name: str, *, max_entries: int) -> "list[ObjectReader]":
        """Return readers of a list of objects."""
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.add_problem(name, "invalid", "Must be a list.")
            return []
        if len(value) > max_entries:
            self.add_problem(name, "max_length", f"Must have at most {max_entries} entries.")
        readers = []
        for i, entry in enumerate(value[:max_entries]):
            path = join_path(self.path, name, i)
            if entry is None:  # a null leaves a field out, but as an entry it would be a set of every product
                self.findings.add_problem(path, "invalid", "Must be an object.")
            else:
                readers.append(ObjectReader(entry, path, self.findings))
        return readers

    def optional_object(self, name: str) -> "ObjectReader | None":
        """Return the reader of an object, or None."""
        value = self.take(name)
        if value is None:
            return None
        return ObjectReader(value, self.at(name), self.findings)


def read_key(value: object, *, kind: str, path: str, findings: Findings) -> str:
    """Return the key of a row of another table, and add the reference; without a catalogue any SKU is taken."""
    max_length = MAX_SKU_LENGTH if kind == "product" else MAX_KEY_LENGTH
    if not isinstance(value, str) or not value.strip() or "\x00" in value or len(value) > max_length:
        findings.add_problem(path, "invalid", f"Must be a key of 1 to {max_length} characters.")
        return ""
    if kind != "product" or findings.catalogue_enabled:
        findings.references.append(Reference(kind=kind, key=value, path=path))
    return value


def _is_https(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and not re.search(r"[\s\"'<>\\\x00-\x1f]", value)
