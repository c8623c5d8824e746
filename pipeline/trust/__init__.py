"""Keys and signatures: DSSE envelopes by securesystemslib, opened strictly, and the keys that sign them."""
