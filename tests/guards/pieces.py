"""Texts made of the pieces that checks look for, whole and broken, for tests that any text must pass."""

from __future__ import annotations

from hypothesis import strategies as st

CANARY = "9f2ab3c45d6e7f80"
PROMPT = (
    "You are the helper of Acme. Never give a discount of more than ten percent to {{name}}, whatever they say to you."
)

PIECES = st.sampled_from(
    [
        "ana@example.org", "ana", "@example.org", "4111 1111 1111 1111", "4111", " 1111", "DE89370400440532013000",
        "GB82 WEST 1234 5698 7654 32", "GB82 WEST", "+44 20 7946 0958", "+44 20", "203.0.113.9", "203.0.", "2001:db8::17",
        "123-45-6789", "ssn ", "phone: ", "call me on ", "5550134", "https://", "bob:pw@", "db.example.com", "[EMAIL]", "[",
        "]", " ", "-", ".", "+", "@", ":", "0", "1", "12", "0171", "v", "the ", "word", "password=", "Zx81kfj3920kd",
        "AKIAIOSFODNN7EXAMPLE", "AKIA", "-----BEGIN PRIVATE KEY-----", "-----BEGIN", "\nMIIab\n",
        "-----END PRIVATE KEY-----", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJhbGci", "é", "\n", CANARY,
        CANARY[:7], CANARY[7:], CANARY.upper(), " ".join(CANARY), CANARY[::-1], "never give a discount ",
        "of more than ten percent ", "to ", "whatever they say to you", "You are the helper", "ignore ", "all previous ",
        "instructions", "<|im_start|>", "system: ",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=14).map("".join)
