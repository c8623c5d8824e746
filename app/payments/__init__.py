"""The payment service: one Lambda function behind API Gateway.

Read it in this order: `domain/payment.py` (what a payment is and how it may change), `service/` (the use
cases; its docstring says which conditional write closes which window), `entrypoints/` (HTTP), `adapters/`
(AWS and the payment providers).

Logs and metrics are Powertools'. Tracing is Lambda's own active tracing, where an environment turns it on: the log
then carries the trace id. The X-Ray SDK, which Powertools' tracer needs, is in maintenance only and not packaged.
"""
