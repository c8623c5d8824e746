"""A push triggers promotion: a bare repository on this machine whose hooks check, accept and hand over."""
