"""What the package can be trained for: one record a task, and what loads, trains and evaluates by it."""
