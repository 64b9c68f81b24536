"""The suite that ``pytest --amct`` runs; installed as ``pytest_amct.conformance``."""
