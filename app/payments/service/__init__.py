"""The use cases, one module each.

Why nobody is charged twice and nothing is lost
===============================================

A payment's id is derived from the client and its idempotency key, so **the payment item is the idempotency record**: there is
no second place that could disagree. Only two conditional writes exist (`PaymentStore`):

* **create**: put if no item has this id,
* **replace**: put if the stored version is still the one the change was made from.

The way of a charge, and what closes the window at each arrow:

    (a) create pending ─(b)─► provider.charge(key = payment id) ─(c)─► replace: captured ─(d)─► log, receipt ─(e)─► replace: delivered

| window | what can happen | what closes it |
|---|---|---|
| a | the same request arrives many times at once | **create**: one wins; the others read the winner's item and its lease, and answer 409 until it is done |
| a | the key comes back with another body | the item's fingerprint: 422, nothing is written |
| b | a crash before the provider was asked | the lease runs out; a retry claims the item by **replace** (one wins) and asks the provider |
| c | a crash, or no answer, after the provider was asked | the same; the provider answers the same key with the same charge |
| c | a retry overtakes a caller that was slow beyond its lease | **replace** of the slower one finds a new version; it reads again, sees the outcome and changes nothing |
| c | a retry after the provider forgot the key | the claim is refused (`OutcomeUnknownError`): a question to a person, never a second charge |
| d | S3 fails, or a crash before it was written | the events stand in the item's outbox since the **replace** that made them; any later request for the payment delivers them |
| e | a crash after S3 was written | delivered again under the same names: `If-None-Match` keeps the first object |

A refund runs the same way inside the payment's item, from `reserve_refund` on. Because promises are made by **replace** on the
whole payment, two refunds at once cannot both take the last of the money: the slower one reads again and finds less left.

The card token is never stored: only a retry by the client, who has it, can complete a charge.
"""
