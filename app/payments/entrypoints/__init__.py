"""HTTP: one module per use case, each an `Operation` (data, for routing and OpenAPI) and what serves it."""
