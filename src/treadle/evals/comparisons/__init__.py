"""Two experiments over the same rows: what the statistics show, where they differ, and what so many rows can show."""
