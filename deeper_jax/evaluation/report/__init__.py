"""Reports of evaluations and experiments: tables, sentences and web pages."""
