"""Where raw CRM tables come from: a Kaggle data set, a folder of CSV files, a synthetic sample."""
