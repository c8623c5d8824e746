"""The use cases, one module each.

Why nobody is charged twice and nothing is lost
===============================================

A payment's id is derived from the client and its idempotency key, so **the payment item is the idempotency
record**: there is no second place that could disagree. Only two conditional writes exist (`PaymentStore`):

* **create**: put if no item has this id,
* **replace**: put if the stored version is still the one the change was made from.

The way of a charge, with a letter for every window in which a caller may stop, crash or be overtaken:

    create ─a─► charge (key: payment id) ─b─► replace: captured ─c─► log, receipt ─d─► replace: delivered

*At the start: the same request arrives many times at once.* **Create** lets one through. The others are shown
the winner's item: while its lease lasts they answer 409, later with its outcome. A key with another body has
another fingerprint: 422, and nothing is written.

*a: a crash before the provider was asked.* The lease runs out; a retry claims the item by **replace**, which
lets one retry through, and asks the provider.

*b: a crash, or no answer, after the provider was asked.* The same: the provider answers the same key with the
same charge. A caller slower than its lease may be overtaken: its **replace** finds a new version, it reads
again, sees the outcome and changes nothing. Once the provider may have forgotten the key, the claim is
refused (`OutcomeUnknownError`): a question for a person, never a second charge.

*c: S3 fails, or a crash before it was written.* The events stand in the item's outbox since the **replace**
that made them. The answer says `records: pending`; any later request for the payment delivers them.

*d: a crash after S3 was written.* They are delivered again under the same names, and `If-None-Match` keeps
the first object; the **replace** that empties the outbox removes only what was delivered.

A refund goes the same way inside its payment's item, from `Payment.reserve_refund` on. A promise is made by
**replace** on the whole payment, so two refunds at once cannot both take the last of the money: the slower
one reads again and finds less left.

The card token is never stored: only a retry by the client, who has it, can complete a charge.
"""
