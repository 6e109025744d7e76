"""What will be sold: chances by horizon, deals that are not open yet, totals and their intervals.

Everything here is computed from the snapshot of one month, which holds all that was known by then about
earlier months too. So a forecast is point in time by construction, and so are its past errors.
"""
