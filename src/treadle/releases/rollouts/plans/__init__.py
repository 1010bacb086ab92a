"""How a rollout is to go, as it is asked for."""
