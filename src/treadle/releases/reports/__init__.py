"""The responsible-AI report of a release: what is known of it, by recorded facts only, and what nobody has measured."""
