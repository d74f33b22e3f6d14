//! Sockets and network cards.

use super::facts::{Card, Facts};
use super::finding::Finding;

/// As `socket.listen.backlog.size` of the broker.
const BACKLOG: u64 = 4096;

/// Connections that wait to be accepted are cut to this.
pub(super) fn backlog(facts: &Facts) -> Option<Finding> {
    let why =
        "after a restart all clients come back at once; those beyond the backlog wait seconds";
    let max = facts.network.backlog_max?;
    let found = format!("net.core.somaxconn is {max}");
    if max >= BACKLOG {
        return Some(Finding::ok("listen backlog", found, why));
    }
    let set = |value| format!("sysctl -w net.core.somaxconn={value}");
    Some(Finding::advice("listen backlog", found, why).cured_by(set(BACKLOG), set(max)))
}

/// What the cards say of themselves; a virtual one says little.
pub(super) fn cards(facts: &Facts) -> Option<Finding> {
    let why =
        "a card's speed bounds what all clients together can get; one queue is one core's work";
    let cards: Vec<_> = facts.network.cards.iter().map(describe).collect();
    match cards.is_empty() {
        true => Some(Finding::ok("network cards", "none but the loopback", why)),
        false => Some(Finding::ok("network cards", cards.join("; "), why)),
    }
}

fn describe(card: &Card) -> String {
    let speed = card
        .megabits_per_second
        .map_or("speed unknown".to_owned(), |mbit| format!("{mbit} Mbit/s"));
    let mtu = card
        .mtu_bytes
        .map_or(String::new(), |mtu| format!(", MTU {mtu}"));
    format!(
        "{}: {speed}{mtu}, receive queues: {}",
        card.name, card.receive_queues
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_short_backlog_is_lengthened() {
        let mut facts = Facts::default();
        facts.network.backlog_max = Some(128);
        let cure = backlog(&facts).expect("judged").cure.expect("a cure");
        assert_eq!(cure.commands, ["sysctl -w net.core.somaxconn=4096"]);
        assert_eq!(cure.undo, ["sysctl -w net.core.somaxconn=128"]);
        facts.network.backlog_max = Some(4096);
        assert_eq!(backlog(&facts).expect("judged").severity, Severity::Ok);
    }

    #[test]
    fn cards_are_described() {
        let mut facts = Facts::default();
        facts.network.cards.push(Card {
            name: "eth0".to_owned(),
            megabits_per_second: Some(25_000),
            mtu_bytes: Some(1500),
            receive_queues: 8,
        });
        let found = cards(&facts).expect("told").found;
        assert_eq!(found, "eth0: 25000 Mbit/s, MTU 1500, receive queues: 8");
    }
}
