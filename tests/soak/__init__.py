"""A random driver: faults drawn from a seed, run over three gates under load, judged by the one verifier (runtime.md, Proof)."""
