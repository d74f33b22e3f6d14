//! Record batches: headers, records, compression, validation.
