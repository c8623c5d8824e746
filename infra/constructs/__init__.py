"""The building blocks of a payment API, each with its Props beside it. None knows an environment's name."""
