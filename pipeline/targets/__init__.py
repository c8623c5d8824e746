"""The accounts a release can be carried to: emulated ones on this machine, or AWS."""
