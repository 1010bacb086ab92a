"""Pure checks of text going in or out: personal data and secrets. No network, no model, no state."""
