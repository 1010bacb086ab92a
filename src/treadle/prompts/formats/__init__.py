"""Prompts as files: dotprompt, Prompty, Langfuse, MLflow."""
