"""Report faults, read storm alerts, query the counters."""
