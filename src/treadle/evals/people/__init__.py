"""People judge the answers of an experiment: handed to a queue, taken back as scores."""
