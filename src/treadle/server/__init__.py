"""The roof: mounts every slice and hands upward calls down."""
