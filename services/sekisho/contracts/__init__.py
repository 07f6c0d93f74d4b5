"""What goes over the wire: every message of contract.md, its codecs, topics, routing and derived ids.

One module per topic. Inputs are read strictly (an unknown field, a wrong type, a missing time zone or an unknown
value refuses), outputs are read by ignoring what is not known. Nothing here opens a connection or reads the clock.
"""
