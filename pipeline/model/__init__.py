"""The nouns and the rules, pure: standard library only, no I/O."""
