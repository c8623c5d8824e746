"""Infrastructure as a CDKTF construct library."""
