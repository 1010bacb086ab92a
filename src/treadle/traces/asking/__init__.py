"""Asking the store: the language of filters, lists of traces and spans, one trace in parts, sessions and users."""
