"""What can stand behind an arm: one file per kind of provider, each turning a prepared request into a reply."""
