"""A synthetic neighbourhood of people who live alone: who lives there, what they do, and what their devices say of it."""
