"""Chapter 2: the pictures of the primer."""
