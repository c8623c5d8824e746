"""HTTP: one module per use case, each an `Operation` (data, for routing and OpenAPI) and the function that serves it."""
