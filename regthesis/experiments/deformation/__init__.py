"""Chapter 4: codes, transports, overlap against smoothness, their tables and figures."""
