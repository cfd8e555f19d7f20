//! Desired deliveries × records → a plan: pure.
