"""The real things behind the ports of `payments.domain.ports`."""
