"""Plan, apply and prove one instance with plain Terraform."""
