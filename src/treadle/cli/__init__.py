"""Command line: parse, call the client, print."""
