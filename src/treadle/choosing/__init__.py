"""Choose a model: a catalogue of what there is, requirements that filter it, and an experiment on one's own rows."""
