"""What is faster than XLA's own operations, each with the signature of the plain one."""
