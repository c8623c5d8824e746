"""The policies every release must satisfy, and the gate that runs them (docs/policies.md)."""
