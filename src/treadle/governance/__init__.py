"""Who may do what, what they did, and the secrets they keep: access, audit, envelopes."""
