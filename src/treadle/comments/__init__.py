"""What people say to each other about any object: threads on it, with mentions, and who has been asked for."""
