//! Zstandard (KIP-110): frames one after the other, with or without their content's size.

use std::cell::RefCell;

use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective,
    zstd_sys::ZSTD_EndDirective,
};

use super::scratch::Scratch;
use super::{CompressionError, PIECE_BYTES, Piece};
use crate::protocol::record::Codec;

/// The library's own limit, which Kafka's clients have too: windows of 128 MiB. Pages of a window
/// are touched only as far as data was decompressed into it.
const WINDOW_LOG_MAX: u32 = 27;
const LEVEL_DEFAULT: i32 = 3;
/// A core keeps so many contexts for the next batches...
const KEPT_MAX: usize = 2;
/// ...unless they have grown beyond this by a frame with a large window.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;
const MALFORMED: CompressionError = CompressionError::Malformed(Codec::Zstd);

pub(super) struct Decoder<'a> {
    context: Context,
    input: &'a [u8],
    within_frame: bool,
    scratch: Scratch,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            context: Context::take(),
            input,
            within_frame: false,
            scratch: Scratch::new(PIECE_BYTES),
        }
    }

    pub(super) fn next_piece(&mut self) -> Result<Option<Piece<'_>>, CompressionError> {
        if self.input.is_empty() && !self.within_frame {
            return Ok(None);
        }
        let mut input = InBuffer::around(&self.input[..self.input.len().min(PIECE_BYTES)]);
        let mut out = OutBuffer::around(&mut self.scratch[..PIECE_BYTES]);
        let hint = self.context.get().decompress_stream(&mut out, &mut input);
        let (consumed, produced) = (input.pos(), out.pos());
        self.within_frame = hint.map_err(|_| MALFORMED)? != 0;
        if self.within_frame && consumed + produced == 0 {
            return Err(MALFORMED);
        }
        self.input = &self.input[consumed..];
        Ok(Some(Piece {
            out: &self.scratch[..produced],
            consumed_bytes: consumed,
        }))
    }
}

impl std::fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = self.input.len();
        f.debug_struct("Decoder")
            .field("input_left", &left)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static SPARE: RefCell<Vec<DCtx<'static>>> = const { RefCell::new(Vec::new()) };
}

/// A decompression context, returned to the core's spare ones when it is dropped.
struct Context(Option<DCtx<'static>>);

impl Context {
    fn take() -> Self {
        let spare = SPARE.with_borrow_mut(Vec::pop);
        Self(Some(spare.unwrap_or_else(new_context)))
    }

    fn get(&mut self) -> &mut DCtx<'static> {
        self.0.as_mut().expect("taken only by drop")
    }
}

fn new_context() -> DCtx<'static> {
    let mut context = DCtx::create();
    let set = context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX));
    set.expect("the limit is within the library's range");
    context
}

impl Drop for Context {
    fn drop(&mut self) {
        let Some(mut context) = self.0.take() else {
            return;
        };
        let reset = context.reset(ResetDirective::SessionOnly);
        if reset.is_err() || context.sizeof() > KEPT_BYTES_MAX {
            return;
        }
        // At the thread's end there is no place to keep it, nor a use for it.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT_MAX {
                spare.push(context);
            }
        });
    }
}

pub(super) struct Encoder {
    context: CCtx<'static>,
    out: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(level: Option<i32>, out: Vec<u8>) -> Self {
        let mut context = CCtx::create();
        let level = CParameter::CompressionLevel(level.unwrap_or(LEVEL_DEFAULT));
        // The library brings a level out of its range to the nearest within.
        context.set_parameter(level).expect("any level is taken");
        Self { context, out }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            self.step(&mut input, ZSTD_EndDirective::ZSTD_e_continue);
        }
    }

    pub(super) fn out_bytes(&self) -> usize {
        self.out.len()
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let mut nothing = InBuffer::around(&[]);
        while self.step(&mut nothing, ZSTD_EndDirective::ZSTD_e_end) > 0 {}
        self.out
    }

    /// How much the context still holds.
    fn step(&mut self, input: &mut InBuffer<'_>, directive: ZSTD_EndDirective) -> usize {
        self.out.reserve(PIECE_BYTES);
        let at = self.out.len();
        let mut out = OutBuffer::around_pos(&mut self.out, at);
        let left = self.context.compress_stream2(&mut out, input, directive);
        left.expect("compressing into memory does not fail")
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let out = self.out.len();
        f.debug_struct("Encoder")
            .field("out_bytes", &out)
            .finish_non_exhaustive()
    }
}
