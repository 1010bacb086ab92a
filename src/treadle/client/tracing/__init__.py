"""Tracing of applications: spans by decorator and context manager, other libraries' spans, and how both reach the server."""
