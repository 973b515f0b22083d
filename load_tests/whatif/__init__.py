"""What would have been: several profiles over the same past, side by side, with a report to look at."""
