//! The room as a whole, on real executors.

use super::*;
use crate::sys::arena::Chunk;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

fn on_a_core<F: Future<Output = ()>>(test: impl FnOnce(Core) -> F + Send) {
    block_on_one_core(CoreOptions::default(), test);
}

#[test]
fn tasks_time_and_blocking_work() {
    on_a_core(|core| async move {
        let ran = Rc::new(Cell::new(false));
        let flag = ran.clone();
        core.spawn(async move { flag.set(true) });
        assert!(!ran.get(), "not inside spawn");
        // Which of two tasks that can run comes first is not promised.
        let others_run = async {
            while !ran.get() {
                core.turn().await;
            }
        };
        let in_time = core.timeout(Duration::from_secs(5), others_run).await;
        assert!(in_time.is_some(), "whoever yields lets others run");
        assert_eq!(core.blocking(|| 6 * 7).await, 42);
        let began = core.monotonic();
        assert_eq!(
            core.timeout(Duration::from_millis(20), std::future::pending::<()>())
                .await,
            None
        );
        assert!(began.elapsed() >= Duration::from_millis(20));
    });
}

#[test]
#[should_panic(expected = "in a task")]
fn a_panic_in_a_task_reaches_the_caller() {
    on_a_core(|core| async move {
        core.spawn(async { panic!("in a task") });
        std::future::pending::<()>().await;
    });
}

#[test]
#[should_panic(expected = "on another core")]
fn a_panic_on_one_core_ends_all() {
    run_on_cores(2, &CoreOptions::default(), |core| async move {
        assert!(core.id() == 0, "on another core");
        std::future::pending::<()>().await;
    });
}

#[test]
#[should_panic(expected = "in the pool")]
fn a_panic_in_blocking_work_reaches_the_caller() {
    on_a_core(|core| async move { core.blocking(|| panic!("in the pool")).await });
}

#[test]
fn to_sleep_is_no_stall() {
    block_on_one_core(CoreOptions::default(), async |core| {
        let sleep = async || {
            let before = core.stats().stalls;
            core.sleep(Duration::from_millis(100)).await;
            core.stats().stalls - before
        };
        // A machine that is busy with other things may hold the core up now and then.
        for _ in 0..50 {
            if sleep().await == 0 {
                return;
            }
        }
        panic!("every sleep was counted as a stall");
    });
}

#[test]
fn a_stall_is_counted() {
    on_a_core(|core| async move {
        let before = core.stats().stalls;
        let busy = core.clone();
        core.spawn(async move {
            let _label = busy.label("counting sheep");
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(30) {}
        });
        core.sleep(Duration::from_millis(1)).await;
        assert!(core.stats().stalls > before);
    });
}

#[test]
fn pinned_cores_come_up_and_go_down() {
    let plan = CorePlan::all();
    run(&plan, &CoreOptions::default(), |core| async move {
        core.turn().await;
        assert!(core.id() < core.count());
    })
    .expect("up");
    assert!(matches!(
        CorePlan::list(&[100_000]),
        Err(StartError::Core {
            wanted: 100_000,
            ..
        })
    ));
}

#[test]
fn memory_and_descriptors_come_back_when_a_core_ends() {
    let count = || std::fs::read_dir("/proc/self/fd").expect("listed").count();
    let chunk = block_on_one_core(CoreOptions::default(), |core| async move {
        let mut chunk = core.arena().allocate(10).expect("room");
        chunk.spare()[..4].copy_from_slice(b"stay");
        chunk.seal(4);
        chunk.slice(0..4)
    });
    assert_eq!(&chunk[..], b"stay", "a chunk outlives its core");
    let before = count();
    for _ in 0..10 {
        on_a_core(|core| async move { core.turn().await });
    }
    // glommio leaks two eventfds for each executor, and other tests open files beside us.
    assert!(count() < before + 50, "{} then {}", before, count());
}

#[test]
fn vectors_of_chunks_are_written_and_read_back() {
    let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
    let path = dir.path().join("log");
    on_a_core(|core| async move {
        let file = core
            .disk()
            .open(&path, OpenMode::DirectReadWrite, true)
            .await
            .expect("opened");
        file.allocate(0, 1 << 20).await.expect("allocated");
        assert_eq!(file.len().expect("known"), 1 << 20);
        let parts: Vec<Chunk> = (1..=3_u8).map(|n| page(&core, n)).collect();
        file.write_at(parts, 4096).await.expect("written");
        file.sync_data().await.expect("synced");
        let chunk = core.arena().allocate(16 << 10).expect("room");
        let (mut chunk, read) = file.read_into(chunk, 16 << 10, 0).await.expect("read");
        assert_eq!(read, 16 << 10);
        for (n, page) in chunk.spare().chunks(4096).enumerate() {
            assert!(page.iter().all(|byte| usize::from(*byte) == n), "page {n}");
        }
        file.truncate(5000).await.expect("truncated");
        let cached = core
            .disk()
            .open(&path, OpenMode::BufferedRead, false)
            .await
            .expect("opened");
        assert_eq!(
            cached.read_vec(10_000, 4000).await.expect("read").len(),
            1000
        );
        assert!(core.stats().written_bytes == 3 * 4096 && core.stats().syncs == 1);
    });
}

#[test]
#[should_panic(expected = "direct writes align")]
fn an_unaligned_direct_write_is_refused() {
    let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
    let path = dir.path().join("log");
    on_a_core(|core| async move {
        let file = core
            .disk()
            .open(&path, OpenMode::DirectReadWrite, true)
            .await
            .expect("opened");
        let _ = file.write_at(vec![Chunk::from_vec(vec![0; 100])], 0).await;
    });
}

/// glommio cancels a write whose future is dropped; ours must reach the file.
#[test]
fn an_abandoned_write_reaches_the_file() {
    let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
    let path = dir.path().join("log");
    let written = path.clone();
    on_a_core(|core| async move {
        let file = core
            .disk()
            .open(&path, OpenMode::DirectReadWrite, true)
            .await
            .expect("opened");
        for n in 0..2000_u64 {
            drop(file.write_at(vec![page(&core, n as u8)], n * 4096));
        }
    });
    let bytes = std::fs::read(written).expect("read");
    assert_eq!(bytes.len(), 2000 * 4096);
    for (n, page) in bytes.chunks(4096).enumerate() {
        assert!(page.iter().all(|byte| *byte == n as u8), "page {n}");
    }
}

#[test]
fn operations_of_one_turn_share_a_system_call() {
    let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
    let path = dir.path().join("log");
    on_a_core(|core| async move {
        let file = core
            .disk()
            .open(&path, OpenMode::DirectReadWrite, true)
            .await
            .expect("opened");
        file.allocate(0, 1 << 20).await.expect("allocated");
        let before = core.stats();
        let writes = (0..40)
            .map(|n| file.write_at(vec![page(&core, 1)], n * 4096))
            .collect();
        let all: Vec<_> = sync::join_all(writes).await;
        assert!(all.into_iter().all(|result| result.is_ok()));
        let submits = core.stats().ring_submits - before.ring_submits;
        assert!(submits <= 20, "{submits} system calls for 40 writes");
    });
}

#[test]
fn names_are_made_replaced_and_removed() {
    let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
    let root = dir.path().to_owned();
    on_a_core(|core| async move {
        let disk = core.disk();
        let sub = root.join("topic-0");
        disk.create_dir(&sub).await.expect("made");
        disk.create_dir(&sub).await.expect("there already");
        let file = sub.join("checkpoint");
        disk.write_atomic(&file, b"one".to_vec())
            .await
            .expect("written");
        disk.write_atomic(&file, b"two!".to_vec())
            .await
            .expect("replaced");
        assert_eq!(disk.read_whole(&file, 100).await.expect("read"), b"two!");
        let error = disk.read_whole(&file, 3).await.expect_err("too large");
        assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
        let entry = DirEntry {
            name: "checkpoint".to_owned(),
            is_dir: false,
            len: 4,
        };
        assert_eq!(disk.list_dir(&sub).await.expect("listed"), [entry]);
        disk.sync_file_system(&root).await.expect("synced");
        disk.rename(&file, &sub.join("old")).await.expect("renamed");
        disk.unlink(&sub.join("old")).await.expect("removed");
        disk.remove_dir(&sub).await.expect("removed");
        assert!(
            disk.open(&file, OpenMode::BufferedRead, false)
                .await
                .is_err()
        );
        assert!(disk.volume(&root).await.expect("known").usable_bytes > 0);
    });
}

#[test]
fn the_descriptor_cache_is_bounded_and_forgets() {
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let root = dir.path().to_owned();
    on_a_core(|core| async move {
        let cache = DescriptorCache::new(core.disk().clone(), 16);
        for n in 0..100 {
            let path = root.join(format!("{n}"));
            core.disk()
                .write_atomic(&path, vec![n])
                .await
                .expect("written");
            let file = cache
                .get(&path, OpenMode::BufferedRead)
                .await
                .expect("opened");
            assert_eq!(file.read_vec(9, 0).await.expect("read"), [n]);
            assert!(cache.len() <= 16);
        }
        let path = root.join("99");
        core.disk()
            .write_atomic(&path, vec![1, 2])
            .await
            .expect("replaced");
        let stale = cache
            .get(&path, OpenMode::BufferedRead)
            .await
            .expect("cached");
        assert_eq!(stale.read_vec(9, 0).await.expect("read"), [99]);
        cache.forget(&path);
        let fresh = cache
            .get(&path, OpenMode::BufferedRead)
            .await
            .expect("opened");
        assert_eq!(fresh.read_vec(9, 0).await.expect("read"), [1, 2]);
    });
}

/// A page of the core's arena, full of one byte.
fn page(core: &Core, byte: u8) -> Chunk {
    loop {
        if let Some(mut chunk) = core.arena().allocate(4096) {
            chunk.spare().fill(byte);
            chunk.seal(4096);
            return chunk.slice(0..4096);
        }
        std::thread::yield_now();
    }
}

#[test]
fn tasks_are_dropped_when_their_core_ends() {
    struct Told(std::sync::mpsc::Sender<()>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    on_a_core(|core| async move {
        let told = Told(sender);
        core.spawn(async move {
            std::future::pending::<()>().await;
            drop(told);
        });
        core.turn().await;
    });
    assert_eq!(receiver.try_recv(), Ok(()));
}
