"""Build once: package, synthesize, assemble into one release."""
