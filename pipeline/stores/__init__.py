"""Where releases and the ledger are kept."""
