"""No input breaks it: fuzzing of the decoding and of the gate (`make fuzz`; a short part of it in `make test`)."""
