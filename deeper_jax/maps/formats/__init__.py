"""Files that maps are written to and read back from without loss; their arrays, where others wrote them."""
