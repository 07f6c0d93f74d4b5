"""How a lane's RocksDB is opened: memory that does not grow with the number of persons (ADR 0016).

All lanes of a process share one budget for blocks and write buffers. Index and filters are cut into small blocks and
kept in that budget like any other: whole, those of a large file (1 to 2 MB) fit no shard of the cache and were read
anew at each look-up, which then took 290 µs instead of 8 at 250,000 persons of a lane.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    WriteBufferManager,
)

_BUDGET: Final = 128 << 20
"""Bytes of blocks and write buffers of all lanes of a process together."""
_BUFFERS: Final = 64 << 20
"""Of these, for write buffers: what a lane has written and RocksDB has not put into a file yet."""
_BUFFER: Final = 16 << 20
"""Bytes of one write buffer: four lanes fill their share alike."""
_BLOOM_BITS: Final = 10
"""Per key: of ids that are not there, 1 in 100 is looked for in a file. A new event's look-up: 2.0 µs, 6.4 without."""
_METADATA_BLOCK: Final = 4096
_OPEN_FILES: Final = 128
"""Of one lane: at 64 MB each more than it ever has; a bound all the same."""
_LOG_FILES: Final = 3
"""RocksDB's own log files kept in the folder: by itself it keeps one of each opening, up to 1,000."""
_WAL: Final = 64 << 20
"""Bytes of write-ahead log, which is what an opening after a crash reads."""


@cache
def _shared() -> tuple[Cache, WriteBufferManager]:
    """The budget of this process. Buffers count against the cache, so that one number bounds both."""
    blocks = Cache(_BUDGET)
    return blocks, WriteBufferManager.new_write_buffer_manager_with_cache(_BUFFERS, False, blocks)


def options() -> Options:
    """How each lane's state is opened."""
    blocks, buffers = _shared()
    tables = BlockBasedOptions()
    tables.set_block_cache(blocks)
    tables.set_bloom_filter(_BLOOM_BITS, False)
    tables.set_index_type(BlockBasedIndexType.two_level_index_search())
    tables.set_partition_filters(True)
    tables.set_metadata_block_size(_METADATA_BLOCK)
    tables.set_cache_index_and_filter_blocks(True)
    tables.set_pin_top_level_index_and_filter(True)
    found = Options(raw_mode=True)
    found.create_if_missing(True)
    found.set_block_based_table_factory(tables)
    found.set_write_buffer_manager(buffers)
    found.set_write_buffer_size(_BUFFER)
    found.set_compression_type(DBCompressionType.lz4())
    found.set_level_compaction_dynamic_level_bytes(True)
    found.set_max_open_files(_OPEN_FILES)
    found.set_max_total_wal_size(_WAL)
    found.set_keep_log_file_num(_LOG_FILES)
    return found
