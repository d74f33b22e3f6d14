//! Leadership, high watermark and waiting requests of one partition.
