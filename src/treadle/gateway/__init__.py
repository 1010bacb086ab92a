"""The data plane: applications call an endpoint here, a release answers, and every answer is recorded.

Nothing on the path of a request touches the database: keys and endpoints come from an immutable snapshot, records leave
through a bounded queue. Raw ASGI and msgspec, because a web framework costs more than all of this together.
"""
