"""Requests that are sent twice under one `Idempotency-Key`, to one worker or to several: one call upstream."""
