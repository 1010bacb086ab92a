"""Run a model version's weights as a child process that speaks the OpenAI protocol on loopback."""
