"""What all chapters draw with: one style, slices, registrations, tables, numbers in sentences."""
