use super::*;
use crate::runtime::{CoreOptions, run_on_cores};
use std::sync::Mutex;

type Ends<Call, Reply> = Mutex<Vec<Option<MeshEnd<Call, Reply>>>>;

fn ends<Call: Send + 'static, Reply: Send + 'static>(cores: usize) -> Ends<Call, Reply> {
    Mutex::new(Mesh::build(cores).into_iter().map(Some).collect())
}

fn take<Call: Send, Reply: Send>(ends: &Ends<Call, Reply>, core: &Core) -> MeshEnd<Call, Reply> {
    ends.lock().expect("no panic")[core.id()]
        .take()
        .expect("taken once")
}

/// A full mesh with awaiting handlers would hang here within seconds; see `glommio.md` §8.
#[test]
fn two_full_cores_do_not_wait_for_each_other() {
    const CALLS: u64 = 20_000;
    let ends = ends::<u64, u64>(2);
    let sums = run_on_cores(2, &CoreOptions::default(), |core| {
        let end = take(&ends, &core);
        async move {
            let mesh = end.join(&core, |_, call, responder| responder.reply(call * 2));
            let done = ends_together(&core, &mesh);
            // Far more than any wire holds, all at once, in both directions.
            let calls: Vec<_> = (0..CALLS).map(|n| mesh.call(1 - core.id(), n)).collect();
            let mut sum = 0;
            for call in calls {
                sum += call.await.expect("answered");
            }
            done.await;
            sum
        }
    });
    assert_eq!(sums, [CALLS * (CALLS - 1); 2]);
}

/// Keeps a core up until the other has what it needs.
fn ends_together(core: &Core, _mesh: &Mesh<u64, u64>) -> impl Future<Output = ()> + use<> {
    let core = core.clone();
    async move { core.sleep(std::time::Duration::from_millis(300)).await }
}

#[test]
fn calls_and_casts_arrive_in_order_also_on_the_own_core() {
    let ends = ends::<u64, Vec<u64>>(2);
    let seen = run_on_cores(2, &CoreOptions::default(), |core| {
        let end = take(&ends, &core);
        async move {
            let seen = Rc::new(RefCell::new(vec![Vec::new(); 2]));
            let log = seen.clone();
            let mesh = end.join(&core, move |from, call, responder| {
                log.borrow_mut()[from].push(call);
                responder.reply(log.borrow()[from].clone());
            });
            let mut last = Vec::new();
            for to in [0, 1] {
                (0..2_000).for_each(|n| mesh.cast(to, n));
                last.push(mesh.call(to, 2_000).await.expect("answered"));
            }
            core.sleep(std::time::Duration::from_millis(200)).await;
            last
        }
    });
    let all: Vec<u64> = (0..=2_000).collect();
    assert!(seen.iter().flatten().all(|seen| *seen == all));
}

#[test]
fn a_dropped_responder_and_a_core_that_has_gone_answer_nothing() {
    let ends = ends::<bool, ()>(2);
    run_on_cores(2, &CoreOptions::default(), |core| {
        let end = take(&ends, &core);
        async move {
            let mesh = end.join(&core, |_, _, responder| drop(responder));
            if core.id() == 1 {
                // Long enough to drop the first call, then this core goes down.
                return core.sleep(std::time::Duration::from_millis(100)).await;
            }
            assert_eq!(mesh.call(0, true).await, Err(Unanswered));
            assert_eq!(mesh.call(1, true).await, Err(Unanswered));
            core.sleep(std::time::Duration::from_millis(300)).await;
            assert_eq!(mesh.call(1, true).await, Err(Unanswered));
        }
    });
}

#[test]
fn parked_responders_answer_later_and_out_of_order() {
    let ends = ends::<u64, u64>(2);
    run_on_cores(2, &CoreOptions::default(), |core| {
        let end = take(&ends, &core);
        async move {
            let parked = Rc::new(RefCell::new(Vec::new()));
            let park = parked.clone();
            let mesh = end.join(&core, move |_, call, responder| {
                park.borrow_mut().push((call, responder));
                if call == 9 {
                    for (call, responder) in park.borrow_mut().drain(..).rev() {
                        responder.reply(call + 100);
                    }
                }
            });
            let calls: Vec<_> = (0..10).map(|n| mesh.call(1 - core.id(), n)).collect();
            for (n, call) in calls.into_iter().enumerate() {
                assert_eq!(call.await, Ok(n as u64 + 100));
            }
            core.sleep(std::time::Duration::from_millis(100)).await;
        }
    });
}

/// Between the calls both cores sleep, deeper each time: in their own ring, then in glommio's
/// reactor. A bell that is not heard hangs here.
fn a_call_is_heard(options: &CoreOptions) {
    let ends = ends::<u64, u64>(2);
    run_on_cores(2, options, |core| {
        let end = take(&ends, &core);
        async move {
            let mesh = end.join(&core, |_, call, responder| responder.reply(call + 1));
            if core.id() == 1 {
                return core.sleep(std::time::Duration::from_secs(1)).await;
            }
            for n in 0..40 {
                core.sleep(std::time::Duration::from_micros(50 * n * n % 20_000))
                    .await;
                assert_eq!(mesh.call(1, n).await, Ok(n + 1));
            }
        }
    });
}

#[test]
fn a_core_that_sleeps_hears_a_call() {
    a_call_is_heard(&CoreOptions::default());
}

#[test]
fn a_core_that_polls_before_it_sleeps_hears_a_call() {
    a_call_is_heard(&CoreOptions {
        busy_poll: std::time::Duration::from_micros(200),
        ..CoreOptions::default()
    });
}
