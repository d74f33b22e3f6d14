use super::*;
use crate::runtime::{
    Core, CoreOptions, DescriptorCache, OpenMode, SharedFile, StartError, block_on_one_core,
};
use crate::sys::arena::Chunk;
use bytes::Bytes;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const BACKLOG: i32 = 128;
const STALL_MAX: Duration = Duration::from_secs(10);

fn on_a_core<F: Future<Output = ()>>(path: FetchPath, test: impl FnOnce(Core) -> F + Send) {
    block_on_one_core(
        CoreOptions {
            fetch_path: path,
            ..CoreOptions::default()
        },
        test,
    );
}

fn listen(core: &Core) -> Listener {
    Listener::bind(core, ANY_PORT, Exclusive::Yes, BACKLOG).expect("a free port")
}

#[test]
fn a_served_port_is_refused_with_its_cure() {
    on_a_core(FetchPath::Copy, |core| async move {
        let first = listen(&core);
        let address = first.local_addr();
        let error = Listener::bind(&core, address, Exclusive::Yes, BACKLOG)
            .err()
            .expect("taken");
        assert!(
            matches!(error, StartError::PortTaken { .. }) && error.to_string().contains("Cure")
        );
        Listener::bind(&core, address, Exclusive::No, BACKLOG).expect("another core of ours joins");
    });
}

#[test]
fn a_port_is_free_again_at_once() {
    on_a_core(FetchPath::Copy, |core| async move {
        let listener = listen(&core);
        let address = listener.local_addr();
        let client = thread::spawn(move || TcpStream::connect(address).expect("connected"));
        let (conn, _) = listener.accept().await;
        // We close first, so the connection waits in our TIME_WAIT.
        drop((conn, listener));
        drop(client.join());
        core.sleep(Duration::from_millis(5)).await;
        Listener::bind(&core, address, Exclusive::Yes, BACKLOG).expect("free");
    });
}

#[test]
fn what_is_received_is_shared_memory_of_the_area() {
    on_a_core(FetchPath::Copy, |core| async move {
        let listener = listen(&core);
        let address = listener.local_addr();
        let client = thread::spawn(move || {
            let mut stream = TcpStream::connect(address).expect("connected");
            for n in 0..2000_u32 {
                stream.write_all(&[n as u8; 777]).expect("sent");
            }
        });
        let (conn, peer) = listener.accept().await;
        assert_eq!(conn.peer(), peer);
        let mut kept: Vec<Chunk> = Vec::new();
        loop {
            let chunk = conn.receive(core.receive_area()).await.expect("received");
            if chunk.is_empty() {
                break;
            }
            kept.push(chunk);
        }
        let bytes: Vec<u8> = kept
            .iter()
            .flat_map(|chunk| chunk.iter().copied())
            .collect();
        assert_eq!(bytes.len(), 2000 * 777);
        let right = |(n, part): (usize, &[u8])| part.iter().all(|byte| *byte == n as u8);
        assert!(bytes.chunks(777).enumerate().all(right));
        assert_eq!(core.stats().received_bytes, 2000 * 777);
        client.join().expect("no panic");
    });
}

#[test]
fn a_large_frame_goes_straight_to_its_place() {
    on_a_core(FetchPath::Copy, |core| async move {
        let listener = listen(&core);
        let address = listener.local_addr();
        let body: Vec<u8> = (0..1_000_000_u32).map(|n| ((n * 31) >> 7) as u8).collect();
        let sent = body.clone();
        let client = thread::spawn(move || {
            TcpStream::connect(address)
                .expect("connected")
                .write_all(&sent)
                .expect("sent");
        });
        let (conn, _) = listener.accept().await;
        let mut chunk = core.arena().allocate(1_100_000).expect("room");
        let (from, mut at) = (1234, 1234);
        while at < from + body.len() {
            at += conn
                .receive_into(&mut chunk, at..from + body.len())
                .await
                .expect("received");
        }
        chunk.seal(at);
        assert!(chunk.read(from..at) == body);
        client.join().expect("no panic");
    });
}

#[test]
fn an_idle_connection_holds_no_memory_and_an_exhausted_arena_waits() {
    let options = CoreOptions {
        arena_bytes: 2 << 20,
        ..CoreOptions::default()
    };
    block_on_one_core(options, |core| async move {
        let listener = listen(&core);
        let address = listener.local_addr();
        let client = thread::spawn(move || {
            let mut streams: Vec<_> = (0..50)
                .map(|_| TcpStream::connect(address).expect("connected"))
                .collect();
            let mut answer = [0];
            streams[0].read_exact(&mut answer).expect("the go");
            streams[1].write_all(b"late").expect("sent");
            streams[1].read_exact(&mut answer).expect("answered");
        });
        let mut conns = Vec::new();
        for _ in 0..50 {
            conns.push(listener.accept().await.0);
        }
        for conn in &conns {
            let (conn, clock) = (conn.clone(), core.clone());
            core.spawn(async move {
                let chunk = conn.receive(clock.receive_area()).await.expect("received");
                if &chunk[..] == b"late" {
                    let head = Slice::Head(Bytes::from_static(b"!"));
                    conn.send(vec![head], STALL_MAX).await.expect("sent");
                }
            });
        }
        core.turn().await;
        assert!(
            core.arena().used_bytes() <= 256 << 10,
            "only the area itself"
        );
        let mut hog: Vec<_> = std::iter::from_fn(|| core.arena().allocate(64 << 10)).collect();
        hog.extend(std::iter::from_fn(|| core.arena().allocate(4096)));
        // The area has room, so use it up: what is received later needs new memory.
        let used_up = core
            .receive_area()
            .fill(|into| (Some(into.len()), Ok::<_, ()>(())));
        assert!(used_up.is_some());
        let go = Slice::Head(Bytes::from_static(b"g"));
        conns[0].send(vec![go], STALL_MAX).await.expect("sent");
        core.sleep(Duration::from_millis(50)).await;
        assert!(!client.is_finished(), "nothing to receive into");
        drop(hog);
        while !client.is_finished() {
            core.sleep(Duration::from_millis(1)).await;
        }
        client.join().expect("no panic");
    });
}

/// Files sent; every second one is not cached.
const ROUNDS: usize = 4;

/// Heads, chunks and files, hot and cold, to a slow reader, byte for byte.
fn mixed_slices_arrive(path: FetchPath) {
    let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
    let content: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let root = dir.path().to_owned();
    for round in 0..ROUNDS {
        std::fs::write(root.join(format!("{round}")), &content).expect("written");
    }
    on_a_core(path, |core| async move {
        let listener = listen(&core);
        let address = listener.local_addr();
        let client = thread::spawn(move || {
            let mut stream = TcpStream::connect(address).expect("connected");
            let (mut all, mut part) = (Vec::new(), vec![0; 50_000]);
            loop {
                let count = stream.read(&mut part).expect("received");
                if count == 0 {
                    return all;
                }
                all.extend_from_slice(&part[..count]);
                thread::sleep(Duration::from_micros(100));
            }
        });
        let (conn, _) = listener.accept().await;
        let cache = DescriptorCache::new(core.disk().clone(), 4);
        let mut expected = Vec::new();
        for round in 0..ROUNDS {
            let segment = root.join(format!("{round}"));
            let file = cache
                .get(&segment, OpenMode::BufferedReadWrite)
                .await
                .expect("opened");
            if round % 2 == 1 {
                file.sync_all().await.expect("synced");
                crate::sys::file::advise_not_needed(&file);
            }
            let position = 1000 * round + 17;
            let len = 2_500_000;
            let many = (0..3000).map(|n| Slice::Chunk(Chunk::from_vec(vec![n as u8; 9])));
            let mut slices = vec![
                Slice::Head(Bytes::from(vec![7; 100])),
                Slice::Head(Bytes::new()),
            ];
            slices.extend(many);
            slices.push(slice(file.shared(), position, len));
            slices.push(Slice::Chunk(Chunk::from_vec(vec![8; 500_000])));
            expected.extend_from_slice(&[7; 100]);
            (0..3000).for_each(|n| expected.extend_from_slice(&[n as u8; 9]));
            expected.extend_from_slice(&content[position..position + len]);
            expected.extend_from_slice(&[8; 500_000]);
            conn.send(slices, STALL_MAX).await.expect("sent");
        }
        conn.close();
        while !client.is_finished() {
            core.sleep(Duration::from_millis(5)).await;
        }
        let got = client.join().expect("no panic");
        assert_eq!(got.len(), expected.len());
        assert!(got == expected, "every byte in its place");
        let stats = core.stats();
        assert_eq!(
            stats.sendfile_bytes > 0,
            path == FetchPath::Sendfile,
            "{stats:?}"
        );
        assert!(stats.read_bytes > 0, "{stats:?}");
        assert!(
            path == FetchPath::Sendfile || stats.copied_bytes > 0,
            "{stats:?}"
        );
    });
}

/// The disk is not kept busy with what nobody has asked for: see `cold.rs`.
#[test]
fn of_a_cold_file_nothing_is_read_beyond_the_range() {
    const LEN: usize = 700_000;
    let dir = tempfile::tempdir_in(".").expect("a directory on a real disk");
    let path = dir.path().join("cold");
    std::fs::write(&path, vec![3; 4 << 20]).expect("written");
    on_a_core(FetchPath::Sendfile, |core| async move {
        let listener = listen(&core);
        let address = listener.local_addr();
        let client = thread::spawn(move || {
            let mut stream = TcpStream::connect(address).expect("connected");
            let mut all = Vec::new();
            stream.read_to_end(&mut all).expect("received");
            all.len()
        });
        let (conn, _) = listener.accept().await;
        let opened = core
            .disk()
            .open(&path, OpenMode::BufferedReadWrite, false)
            .await;
        let file = opened.expect("opened");
        file.sync_all().await.expect("synced");
        crate::sys::file::advise_not_needed(&file);
        let sent = conn.send(vec![slice(file.shared(), 0, LEN)], STALL_MAX);
        sent.await.expect("sent");
        conn.close();
        while !client.is_finished() {
            core.sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(client.join().expect("no panic"), LEN);
        let shared = file.shared();
        assert!(shared.is_cached(0, LEN as u32), "the page cache has it");
        assert!(
            !shared.is_cached(LEN as u64 + 65_536, 1),
            "and nothing beyond"
        );
    });
}

fn slice(file: SharedFile, position: usize, len: usize) -> Slice {
    Slice::File {
        file,
        position: position as u64,
        len: len as u32,
    }
}

#[test]
fn mixed_slices_arrive_by_copy() {
    mixed_slices_arrive(FetchPath::Copy);
}

#[test]
fn mixed_slices_arrive_by_sendfile() {
    mixed_slices_arrive(FetchPath::Sendfile);
}

#[test]
fn a_file_that_is_too_short_is_an_error() {
    for path in [FetchPath::Copy, FetchPath::Sendfile] {
        on_a_core(path, |core| async move {
            let listener = listen(&core);
            let address = listener.local_addr();
            let client = thread::spawn(move || TcpStream::connect(address).expect("connected"));
            let (conn, _) = listener.accept().await;
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(b"short").expect("written");
            let slices = vec![slice(SharedFile::from_std(file), 0, 10)];
            let error = conn.send(slices, STALL_MAX).await.expect_err("too short");
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            drop(client.join());
        });
    }
}

#[test]
fn a_peer_that_never_reads_is_cut_off() {
    on_a_core(FetchPath::Copy, |core| async move {
        let listener = listen(&core);
        let client = connect(&core, listener.local_addr())
            .await
            .expect("connected");
        let (conn, _) = listener.accept().await;
        let began = Instant::now();
        let flood = Slice::Chunk(Chunk::from_vec(vec![0; 64 << 20]));
        let error = conn
            .send(vec![flood], Duration::from_millis(300))
            .await
            .expect_err("stalled");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!((300..3000).contains(&began.elapsed().as_millis()));
        conn.close();
        drop(client);
    });
}

#[test]
fn closing_wakes_both_directions() {
    on_a_core(FetchPath::Copy, |core| async move {
        let listener = listen(&core);
        let client = connect(&core, listener.local_addr())
            .await
            .expect("connected");
        let (conn, _) = listener.accept().await;
        let (receiver, clock) = (conn.clone(), core.clone());
        let (tell, told) = crate::runtime::sync::oneshot::channel();
        core.spawn(async move {
            let end = receiver.receive(clock.receive_area()).await;
            tell.send(end.map(|chunk| chunk.len())).expect("heard");
        });
        let sender = conn.clone();
        let (tell, sent) = crate::runtime::sync::oneshot::channel();
        core.spawn(async move {
            let flood = Slice::Chunk(Chunk::from_vec(vec![0; 64 << 20]));
            tell.send(sender.send(vec![flood], STALL_MAX).await)
                .expect("heard");
        });
        core.sleep(Duration::from_millis(20)).await;
        conn.close();
        assert_eq!(told.await.expect("told").expect("no error"), 0);
        assert_eq!(
            sent.await.expect("told").expect_err("cut").kind(),
            ErrorKind::BrokenPipe
        );
        drop(client);
    });
}

#[test]
fn both_fetch_paths_are_measured() {
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let measure = measure_fetch_path(dir.path()).expect("measured");
    println!("{measure:?}");
    assert!(measure.sendfile_s_per_gb > 0.0 && measure.copy_s_per_gb > 0.0);
    assert!(
        std::fs::read_dir(dir.path())
            .expect("listed")
            .next()
            .is_none()
    );
}

/// An empty file after the last bytes once held them back until the kernel's timer let them go.
#[test]
fn nothing_is_held_back_for_an_empty_slice() {
    on_a_core(FetchPath::Copy, |core| async move {
        let listener = listen(&core);
        let client = connect(&core, listener.local_addr())
            .await
            .expect("connected");
        let (conn, _) = listener.accept().await;
        let file = SharedFile::from_std(tempfile::tempfile().expect("a file"));
        let began = Instant::now();
        for _ in 0..5 {
            let head = Slice::Head(Bytes::from_static(b"head"));
            conn.send(vec![head, slice(file.clone(), 0, 0)], STALL_MAX)
                .await
                .expect("sent");
            let got = client.receive(core.receive_area()).await.expect("received");
            assert_eq!(&got[..], b"head");
        }
        assert!(began.elapsed() < Duration::from_millis(200));
    });
}

#[test]
fn quiet_connections_miss_nothing() {
    const CLIENTS: usize = 40;
    const QUESTIONS: usize = 100;
    on_a_core(FetchPath::Copy, |core| async move {
        let listener = listen(&core);
        let address = listener.local_addr();
        let client = thread::spawn(move || {
            let connected = |_| TcpStream::connect(address).expect("connected");
            let mut streams: Vec<TcpStream> = (0..CLIENTS).map(connected).collect();
            for question in 0..QUESTIONS {
                // One alone, some of them, or all at once.
                let asked = [1, 7, CLIENTS][question % 3];
                for stream in &mut streams[..asked] {
                    stream.write_all(&[question as u8]).expect("sent");
                }
                for stream in &mut streams[..asked] {
                    let mut answer = [0];
                    stream.set_read_timeout(Some(STALL_MAX)).expect("set");
                    stream.read_exact(&mut answer).expect("answered");
                    assert_eq!(answer[0], question as u8);
                }
            }
        });
        for number in 0..CLIENTS {
            let (conn, _) = listener.accept().await;
            core.spawn(echo_now_quiet_now_loud(core.clone(), conn, number));
        }
        while !client.is_finished() {
            core.sleep(Duration::from_millis(5)).await;
        }
        client.join().expect("no panic");
    });
}

/// Most are quiet; some change at every question, before they answer it.
async fn echo_now_quiet_now_loud(core: Core, conn: Conn, number: usize) {
    let mut answered = 0;
    conn.set_quiet(true);
    loop {
        let chunk = conn.receive(core.receive_area()).await.expect("received");
        if chunk.is_empty() {
            return;
        }
        answered += 1;
        if number.is_multiple_of(4) {
            conn.set_quiet(answered & 1 == 0);
        }
        let slices = vec![Slice::Chunk(chunk)];
        conn.send(slices, STALL_MAX).await.expect("sent");
    }
}
