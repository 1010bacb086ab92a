"""The model registry: models, immutable versions, movable aliases, cards, and packaging for engines."""
