"""Guess a mapping from a CRM's files, and write it as a draft with the doubts beside the lines."""
