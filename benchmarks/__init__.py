"""What a decision, a sale and a rulebook cost, and how that grows: figures of one run, side by side. See docs/benchmarks.md."""
