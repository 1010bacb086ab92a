"""The ground floor: errors, ids, clock, canonical JSON, shared types and settings. Knows nothing of the rest."""
