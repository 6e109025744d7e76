"""What a deal is, and was at each month's end: raw tables, rules, cleaning, snapshots, features, labels."""
