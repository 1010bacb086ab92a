"""What changes in a project as it happens, and who is looking at which page."""
