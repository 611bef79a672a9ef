"""Check the content of a promotion: descriptions, links and images."""

from promotions.engine.definition.fields import MAX_LENGTHS, MAX_LINKS
from promotions.engine.definition.reader import Document, Findings, ObjectReader


def blank_content() -> Document:
    """A content document that says nothing, in normal form."""
    return read_content(ObjectReader(None, "content", Findings(catalogue_enabled=True)))


def read_content(sent: ObjectReader) -> Document:
    longest = MAX_LENGTHS["text"]
    content: Document = {
        "short_description": sent.text("short_description", longest=500),
        "long_description": sent.text("long_description", longest=longest),
        "confirmation_message": sent.text("confirmation_message", longest=1000),
        "terms_and_conditions": sent.text("terms_and_conditions", longest=longest),
    }
    for name, address, text in (("links", "url", "anchor_text"), ("images", "url", "alt_text")):
        entries = []
        for one in sent.objects(name, most=MAX_LINKS):
            entry = {address: one.url(address), text: one.text(text, longest=MAX_LENGTHS["short"])}
            if entry[text] and not entry[address]:
                one.checks.problem(one.at(address), "required", "A text needs its address.")
            one.end()
            if entry[address]:
                entries.append(entry)
        content[name] = entries
    sent.end()
    return content
