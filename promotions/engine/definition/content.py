"""Check the content of a promotion: descriptions, links and images."""

from promotions.engine.definition.fields import CONTENT_TEXTS, MAX_LINKS, MAX_NAME_LENGTH, Document
from promotions.engine.definition.reader import Findings, ObjectReader


def blank_content() -> Document:
    """Return an empty content document in normal form."""
    return read_content(ObjectReader(None, "content", Findings(catalogue_enabled=True)))


def read_content(sent: ObjectReader) -> Document:
    """Return a content document in normal form."""
    content: Document = {name: sent.text(name, max_length=max_length) for name, max_length in CONTENT_TEXTS.items()}
    content["links"] = _read_entries(sent, "links", text="anchor_text")
    content["images"] = _read_entries(sent, "images", text="alt_text")
    sent.finish()
    return content


def _read_entries(sent: ObjectReader, name: str, *, text: str) -> list[Document]:
    """Return the links or images that have an address, each with its text."""
    entries = []
    for entry in sent.objects(name, max_entries=MAX_LINKS):
        document = {"url": entry.url("url"), text: entry.text(text, max_length=MAX_NAME_LENGTH)}
        if document[text] and not document["url"]:
            entry.findings.add_problem(
                entry.at("url"), "required", "Enter the address of the link that this text names."
            )
        entry.finish()
        if document["url"]:
            entries.append(document)
    return entries
