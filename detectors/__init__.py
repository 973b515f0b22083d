"""What Anbu decides: pure models of one household each, without Kafka, without I/O, without a wall clock."""
