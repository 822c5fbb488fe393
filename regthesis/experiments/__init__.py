"""What one chapter has for itself, a folder a chapter, and `record`, which keeps any of it."""
