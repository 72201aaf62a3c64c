"""Bulk neural style transfer without an orchestrator; `stylize_flows` puts Prefect on top."""
