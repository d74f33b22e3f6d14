//! A call from one core to another and its answer: alone, and many under way.
//!
//! `cargo bench --bench mesh`. Needs two processors; on one it measures the scheduler.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use klamm::runtime::mesh::{Mesh, MeshEnd};
use klamm::runtime::sync::join_all;
use klamm::runtime::{Core, CoreOptions, run_on_cores};

const CALLER: usize = 0;
const CALLED: usize = 1;
/// The call that ends the measurement.
const DONE: u64 = u64::MAX;

criterion_group!(benches, calls);
criterion_main!(benches);

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("mailbox");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(2));
    for under_way in [1, 64] {
        group.throughput(Throughput::Elements(under_way));
        group.bench_function(BenchmarkId::new("calls", under_way), |b| {
            b.iter_custom(|times| round_trips(times, under_way));
        });
    }
}

/// The time of so many rounds, each of calls made together and all awaited.
fn round_trips(rounds: u64, under_way: u64) -> Duration {
    let ends: Vec<_> = Mesh::build(2).into_iter().map(Some).collect();
    let ends = Mutex::new(ends);
    let took = run_on_cores(2, &CoreOptions::default(), |core| {
        let end = ends.lock().expect("no panic")[core.id()]
            .take()
            .expect("taken once");
        async move {
            match core.id() {
                CALLER => call(&core, end, rounds, under_way).await,
                _ => answer(&core, end).await,
            }
        }
    });
    took[CALLER]
}

async fn call(core: &Core, end: MeshEnd<u64, u64>, rounds: u64, under_way: u64) -> Duration {
    let mesh = end.join(core, |_, call, responder| responder.reply(call));
    mesh.call(CALLED, 0).await.expect("the other core is up");
    let began = Instant::now();
    for _ in 0..rounds {
        let calls = (0..under_way).map(|n| mesh.call(CALLED, n)).collect();
        let answers = join_all(calls).await;
        assert!(answers.iter().all(Result::is_ok), "answered");
    }
    let took = began.elapsed();
    mesh.call(CALLED, DONE).await.expect("answered");
    took
}

/// Answers until the caller is done.
async fn answer(core: &Core, end: MeshEnd<u64, u64>) -> Duration {
    let done = std::rc::Rc::new(std::cell::Cell::new(false));
    let said = done.clone();
    let _mesh = end.join(core, move |_, call, responder| {
        said.set(said.get() || call == DONE);
        responder.reply(call);
    });
    while !done.get() {
        core.sleep(Duration::from_millis(20)).await;
    }
    // The last answer has to leave before this core goes.
    core.sleep(Duration::from_millis(20)).await;
    Duration::ZERO
}
