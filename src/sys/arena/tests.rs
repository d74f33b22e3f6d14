use super::*;
use std::sync::mpsc;
use std::thread;

const MIB: usize = 1 << 20;

#[test]
fn chunks_are_aligned_and_sealed_bytes_are_shared() {
    let arena = Arena::new(4 * MIB).expect("an arena");
    let mut chunk = arena.allocate(10_000).expect("room");
    assert!(chunk.capacity() >= 10_000 && chunk.capacity().is_multiple_of(PAGE_BYTES));
    chunk.spare()[..5].copy_from_slice(b"klamm");
    chunk.seal(5);
    let shared = chunk.slice(1..4);
    chunk.writable(5..8).copy_from_slice(b"xyz");
    drop(chunk);
    assert_eq!(&shared[..], b"lam");
    assert_eq!(&shared.slice(1..2)[..], b"a");
}

#[test]
#[should_panic(expected = "sealed bytes are never written again")]
fn sealed_bytes_cannot_be_written() {
    let arena = Arena::new(2 * MIB).expect("an arena");
    let mut chunk = arena.allocate(1).expect("room");
    chunk.seal(100);
    chunk.writable(99..101);
}

#[test]
fn the_budget_is_a_bound_and_comes_back() {
    let arena = Arena::new(8 * MIB).expect("an arena");
    let chunks: Vec<_> = std::iter::from_fn(|| arena.allocate(MIB)).collect();
    assert_eq!(chunks.len(), 8);
    assert!(arena.allocate(1).is_none());
    assert_eq!(arena.free_bytes(), 0);
    drop(chunks);
    assert_eq!(arena.used_bytes(), 0);
    assert!(arena.allocate(8 * MIB).is_some());
}

#[test]
fn the_reserve_is_for_who_may_use_it_and_a_bound_too() {
    let arena = Arena::new(32 * MIB).expect("an arena");
    let own = arena.with_reserve();
    let _full = arena.allocate(32 * MIB).expect("room");
    assert!(arena.allocate_least(1).is_none());
    assert!(own.allocate(1).is_none(), "only what cannot do with less");
    let reserved: Vec<_> = std::iter::from_fn(|| own.allocate_least(PAGE_BYTES)).collect();
    assert_eq!(reserved.len() * PAGE_BYTES, own.reserve_bytes());
    assert_eq!((own.reserve_bytes(), own.free_bytes()), (2 * MIB, 0));
    drop(reserved);
    assert_eq!(arena.used_bytes(), 32 * MIB);
}

#[test]
fn long_lived_small_chunks_do_not_stop_a_large_one() {
    let arena = Arena::new(256 * MIB).expect("an arena");
    let mut random = fastrand::Rng::with_seed(11);
    let mut held: Vec<ChunkMut> = Vec::new();
    for _ in 0..20_000 {
        match arena.allocate(random.usize(1..100_000)) {
            Some(chunk) => held.push(chunk),
            None => held.retain(|_| random.u8(..) < 128),
        }
    }
    // What stays is scattered over everything that was ever used.
    held.retain(|_| random.u8(..) < 20);
    assert!(arena.used_bytes() < 64 * MIB);
    assert!(arena.allocate(100 * MIB).is_some());
    assert!(arena.allocate(MIB).is_some());
}

#[test]
fn chunks_dropped_on_other_threads_come_back() {
    let arena = Arena::new(16 * MIB).expect("an arena");
    let (sender, receiver) = mpsc::channel::<Chunk>();
    let reader = thread::spawn(move || {
        for chunk in receiver {
            let first = chunk[0];
            assert!(chunk.clone().iter().all(|byte| *byte == first));
        }
    });
    let mut sent = 0_usize;
    while sent < 20_000 {
        let Some(mut chunk) = arena.allocate(1 + sent * 7 % 60_000) else {
            thread::yield_now();
            continue;
        };
        chunk.spare()[..4096].fill(sent as u8);
        chunk.seal(4096);
        sender.send(chunk.slice(0..4096)).expect("the reader lives");
        sent += 1;
    }
    drop(sender);
    reader.join().expect("the reader saw what was written");
    assert_eq!(arena.used_bytes(), 0);
}

#[test]
fn chunks_outlive_their_arena() {
    for _ in 0..200 {
        let arena = Arena::new(2 * MIB).expect("an arena");
        let chunks: Vec<Chunk> = (0..8_u8)
            .map(|n| {
                let mut chunk = arena.allocate(4096).expect("room");
                chunk.spare().fill(n);
                chunk.seal(4096);
                chunk.slice(0..4096)
            })
            .collect();
        thread::scope(|scope| {
            for (n, chunk) in chunks.into_iter().enumerate() {
                scope.spawn(move || assert!(chunk.iter().all(|byte| usize::from(*byte) == n)));
            }
            drop(arena);
        });
    }
}

#[test]
fn memory_that_moved_is_given_back() {
    let arena = Arena::new(64 * MIB).expect("an arena");
    let mut last = None;
    for round in 0..20 {
        // Small chunks fill the low end, one large chunk the high end, in turn.
        let bytes = if round % 2 == 0 { 60 * MIB } else { MIB / 2 };
        let mut chunks: Vec<_> = std::iter::from_fn(|| arena.allocate(bytes)).collect();
        for chunk in &mut chunks {
            chunk.spare().fill(1);
        }
        last = chunks.pop();
    }
    drop(last);
    assert_eq!(arena.used_bytes(), 0);
}
