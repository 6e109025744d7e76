"""What leaves the house: files for analysts and messages to managers, made from the stored tables."""
