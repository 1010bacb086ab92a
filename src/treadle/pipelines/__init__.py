"""The loop itself: slices composed into durable turns, from data to data."""
