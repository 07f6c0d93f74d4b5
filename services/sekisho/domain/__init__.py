"""The pure core: vocabulary, consent state, rules, decision, records, retention, calendar.

Its rules: standard library only; no clock, no I/O, no randomness, no environment. Time, positions and the compiled
rulebook are arguments. The same (request, events, rulebook, time) give the same verdict for ever. What it does *not*
do: it reads no YAML, knows no Kafka and no JSON, writes no texts (the rulebook carries them) and gives no ids.
"""
