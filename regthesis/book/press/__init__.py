"""Pages: found, executed once, built, with the line that says where each result comes from."""
