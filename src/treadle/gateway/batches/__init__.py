"""Files and batches in OpenAI's shape: JSON lines in, durable work through the gateway, JSON lines out."""
