"""What partitions tell each other: how many homes of a district are heard, and what closings teach. Pure."""
