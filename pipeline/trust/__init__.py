"""Keys and signatures: DSSE envelopes by securesystemslib, opened strictly, and the keys that sign them."""

from pipeline.host.late import importing_late

# securesystemslib imports boto3 for one of its signers, and that takes as long as the rest of Tollgate's start.
with importing_late("boto3"):
    import securesystemslib.signer  # noqa: F401 - for the effect
