"""Chapter 5: the generative motion model."""
