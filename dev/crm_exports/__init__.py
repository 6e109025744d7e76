"""The same made-up deals as five CRMs would export them: with their file names, headers, ids and formats."""
