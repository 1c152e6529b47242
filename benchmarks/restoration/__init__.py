"""What `enhance` makes of maps, beside what else is done to them."""
