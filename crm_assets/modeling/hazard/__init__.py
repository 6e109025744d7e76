"""The model of the closing day: what a snapshot tells about closing, the fit, and the estimator."""
