"""The words of the page that are dlcore's own, explained for people who do not know it."""

from __future__ import annotations

from typing import Final

from dlcore.timeline.page.markup import Markup, element, joined

_WORDS: Final = (
    ("Package", "The content of one or more steps: an image, drivers, applications. It has an id."),
    ("Endpoint", "A server or folder that content is fetched from, by its name in the settings."),
    (
        "Digest",
        (
            "A fingerprint of content. What does not match it is wrong, and is thrown away: it "
            "never reaches a step."
        ),
    ),
    ("Wait", "The time in which a step could not start, because its content was not there yet."),
    (
        "Bound",
        (
            "The shortest time in which this link could have brought what the steps needed, and "
            "the steps could have run."
        ),
    ),
    ("Rate of the link", "Bytes of content per second that came from all endpoints together."),
)


def words() -> Markup:
    """A list of them at the end of the page."""
    told = (joined(element("dt", word), element("dd", meaning)) for word, meaning in _WORDS)
    return element(
        "section",
        element("h2", "Words on this page"),
        element("dl", *told, class_="words-told"),
        aria_label="Words on this page",
    )
