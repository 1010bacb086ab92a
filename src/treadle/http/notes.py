"""Where whoever answers requests may keep what it read out of a head, while a connection sends the same head again."""

NOTES = "treadle.head"
"""Name of a dictionary in the ASGI scope of a request whose head came before, byte for byte but for the length of its body.

Gone with the connection. Only the server writes it there; a scope without it says nothing about the head."""
