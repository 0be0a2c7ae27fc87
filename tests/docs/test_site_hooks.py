"""Links of the documents as the site needs them."""

from __future__ import annotations

import pytest

pytest.importorskip("mkdocs", reason="the site is built by the extra `docs`")

from tests.docs.site_hooks import with_links_of_the_site as links_of


@pytest.mark.parametrize(
    ("page", "written", "shown"),
    [
        ("index.md", "[a](docs/trust.md#what-is-refused)", "[a](trust.md#what-is-refused)"),
        ("index.md", "[a](SECURITY.md)", "[a](security.md)"),
        ("index.md", "[docs/](docs)", "docs/"),
        ("index.md", "[a](docs/decisions/README.md)", "[a](decisions/README.md)"),
        ("trust.md", "[a](../README.md#use-it)", "[a](index.md#use-it)"),
        ("trust.md", "[a](../Makefile) b", "a b"),
        ("trust.md", "[a](fetching.md)", "[a](fetching.md)"),
        ("trust.md", "[a](#here) [b](https://x.org/y)", "[a](#here) [b](https://x.org/y)"),
        ("how-to/operator.md", "[a](../trust.md)", "[a](../trust.md)"),
        ("how-to/operator.md", "[a](../../SECURITY.md)", "[a](../security.md)"),
        ("decisions/001-x.md", "[a](../netlab.md)", "[a](../netlab.md)"),
        ("trust.md", "[a](nowhere.md)", "[a](nowhere.md)"),  # MkDocs warns of it
        ("trust.md", "```sh\n[a](../Makefile)\n```\n", "```sh\n[a](../Makefile)\n```\n"),
    ],
)
def test_a_link_leads_to_the_page_or_is_text(page: str, written: str, shown: str) -> None:
    assert links_of(written, page) == shown
