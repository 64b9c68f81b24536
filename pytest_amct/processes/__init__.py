"""Processes: how they end, what they leave behind, which signals they handle."""
