"""Bulk neural style transfer without an orchestrator; `flows` puts Prefect on top."""
