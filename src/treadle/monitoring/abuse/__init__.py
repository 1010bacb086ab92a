"""Abuse: callers who attack, pry, flood or spend out of measure; a score with its reasons, and what is done about it."""
