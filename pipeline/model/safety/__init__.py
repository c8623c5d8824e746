"""Findings: what a change set does that a person should know before saying yes. Pure."""
