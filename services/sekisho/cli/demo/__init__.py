"""`sekisho demo`: a post office's day through a real Kafka, told as it happens, then counted from the topics."""
