"""The page: what the ledger and the release store say, made into one file that needs nothing else."""
