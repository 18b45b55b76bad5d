"""Lists of texts beside sounds: CSV, TSV and JSON in whatever shape they come."""
