"""The profile counts right, and its page is complete, safe and self-contained."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from tests.data.rows import rows_of
from treadle.data.profile import distribution_of, profile_rows
from treadle.data.report import CONTENT_SECURITY_POLICY, STYLE, render_report
from treadle.data.sample import make_sample


def test_distribution_by_hand() -> None:
    """
    Of 1 to 100 the 5th percentile by nearest rank is 5, the median 50, the mean 50.5; bars hold every value once.
    """
    spread = distribution_of(list(range(1, 101)))

    assert spread is not None
    assert (1, 5, 50, 50.5, 95, 99, 100) == (
        spread.minimum, spread.p05, spread.median, spread.mean, spread.p95, spread.p99, spread.maximum,
    )  # fmt: skip
    assert 100 == sum(bar.num_rows for bar in spread.bins)
    assert len(spread.bins) <= 30


def test_value_far_out_joins_the_last_bar() -> None:
    """
    One text of a million characters does not flatten the histogram of a thousand short ones.
    """
    spread = distribution_of([*range(1, 1001), 1_000_000])

    assert spread is not None
    assert spread.bins[-1].upper == 1_000_000
    assert spread.bins[0].upper < 50


def test_counts_of_a_small_dataset() -> None:
    """
    Labels, duplicates, conflicts, missing values, personal data and broken Unicode are counted by row.
    """
    pairs = [
        ("Where is my parcel from last week?", "order"),
        ("where is my parcel  from last week?", "order"),
        ("Where is my parcel from last week!!", "account"),
        ("Please write to ana@example.org or bob@example.org", "account"),
        ("itâ€™s broken since yesterday evening", "order"),
        ("", "order"),
        ("Where is my parcel from last week?", "account"),
    ]

    profile = profile_rows(rows_of(pairs))

    assert ("classification", 7, 1) == (profile.task, profile.num_rows, profile.num_missing_inputs)
    assert {"order": 4, "account": 3} == {count.name: count.num_rows for count in profile.labels}
    assert (2, 1) == (profile.num_exact_duplicates, profile.num_near_duplicates)
    assert [1, 2, 7] == profile.conflicts[0].rows
    assert 3 == profile.num_conflicting_rows
    assert [("EMAIL", 2, 1)] == [(found.kind, found.num_findings, found.num_rows) for found in profile.personal_data]
    assert {"mojibake": 1, "quotes": 1, "spaces": 1} == {fault.name: fault.num_rows for fault in profile.unicode_faults}
    assert profile.label_balance == pytest.approx(0.985228, abs=1e-6)


def test_balance_by_hand() -> None:
    """
    Two labels in equal parts have balance 1; one label has 0; none has none.
    """
    even = [(f"text number {n} is here", label) for n in range(4) for label in ("a", "b")]

    assert 1.0 == profile_rows(rows_of(even)).label_balance
    assert 0.0 == profile_rows(rows_of([(text, "a") for text, _ in even])).label_balance
    assert profile_rows(rows_of([(text, None) for text, _ in even])).label_balance is None


def test_outliers_say_why() -> None:
    """
    Length, odd characters, repetition, another language and a rare label each have their reason.
    """
    usual = [(f"please tell me where parcel number {n} has got to this week", "order") for n in range(100, 160)]
    odd = [
        ("word " * 2_000, "order"),
        ("$$ ## 12 %% 99 ++ 88 == 77 11 -- 22 ;; 33 // 44 ** 55 ok", "order"),
        ("helloooooooooooooooooooo there", "order"),
        ("Wo ist mein Paket? Ich warte jetzt schon seit vielen Tagen darauf.", "order"),
        ("please tell me where the thing has got to this week", "rare"),
    ]

    profile = profile_rows(rows_of([*usual, *odd]))

    reasons = {outlier.row: outlier.reason for outlier in profile.outliers if outlier.row > 60}
    assert {
        61: "too_long", 62: "few_letters", 63: "repeated_characters", 64: "other_language", 65: "label_rare",
    } == reasons  # fmt: skip


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_escapes_everything_from_the_data() -> None:
    """
    Markup in texts, labels and titles shows as text.
    """
    nasty = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    pairs = [(f"{nasty} {n} is a rather long text", f"{nasty}{n % 2}") for n in range(8)]

    page = _Page()
    page.feed(render_report(profile_rows(rows_of(pairs)), title=nasty, subtitle=nasty))

    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "object"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]
    assert nasty in page.text


def test_page_is_complete_and_needs_nothing_else() -> None:
    """
    Plots have a label and a table with the same numbers; no address of another resource is in the page.
    """
    html = render_report(profile_rows(rows_of(make_sample(seed=1, num_rows=400).rows)), title="sample, version 1")

    page = _Page()
    page.feed(html)
    plots = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(plots) >= 4
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)
    assert sum(tag == "table" for tag, _ in page.tags) >= len(plots)
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert not re.search(r"https?://|url\(|@import", html)
    assert "prefers-color-scheme: dark" in html


def test_policy_allows_the_style_sheet_and_nothing_else() -> None:
    """
    The header names the hash of exactly the style sheet in the page.
    """
    html = render_report(profile_rows(rows_of([("hi", None)])), title="x")

    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert STYLE == style.group(1)
    assert base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode() in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none';")
