//! Requests that the controller answers: what the caller may not do is taken out before, and
//! answered here.

/// Puts a call to the controller; `None` where its log took no records and nothing was changed.
macro_rules! ask_controller {
    ($cx:expr, $call:ident($($argument:expr),+)) => {
        match $cx.shards.control($crate::shard::ControlCall::$call($($argument),+)).await? {
            $crate::shard::ControlReply::$call(response) => Some(response),
            $crate::shard::ControlReply::NoStorage => None,
            other => unreachable!("asked for {}, got {other:?}", stringify!($call)),
        }
    };
}

pub(super) use ask_controller;

/// Takes out of `items` those that are not granted.
pub(super) fn take_refused<T>(items: &mut Vec<T>, granted: impl Fn(&T) -> bool) -> Vec<T> {
    let (kept, refused) = std::mem::take(items).into_iter().partition(granted);
    *items = kept;
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_are_taken_out() {
        let mut items = vec![1, 2, 3, 4];
        assert_eq!(take_refused(&mut items, |item| item % 2 == 0), [1, 3]);
        assert_eq!(items, [2, 4]);
    }
}
