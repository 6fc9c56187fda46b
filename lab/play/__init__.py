"""Playing: one runner for every scenario, in the model, in memory and live."""
