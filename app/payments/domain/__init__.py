"""What a payment is, and the rules it obeys. Imports nothing of the other layers and does no I/O."""
