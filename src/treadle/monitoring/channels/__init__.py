"""Channels: where alerts are told, by webhook, Slack-shaped JSON or e-mail; each delivery is durable and tried again."""
