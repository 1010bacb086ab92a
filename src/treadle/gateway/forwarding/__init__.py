"""Forwarding: spans of a project sent on to other backends by OTLP/HTTP; durable, at least once, each destination by itself."""
