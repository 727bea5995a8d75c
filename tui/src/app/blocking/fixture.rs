//! What the tests of the screen and of the runtime need of a block.

use std::net::SocketAddr;
use std::time::Duration;

use probe_common::FlowKey;

use crate::app::ends::{self, Side};
use crate::app::own::OwnSession;
use crate::model::{Block, BlockId, Dropped};

/// A rule in force that has dropped something in both directions.
pub fn rule(id: u32) -> Block {
    Block {
        id: BlockId(id),
        rule: format!("web-7d9f: tcp remote 203.0.113.{id} local port 443"),
        since: Duration::ZERO,
        left: Some(Duration::from_secs(598)),
        end: None,
        devices: vec!["web-7d9f".to_owned()],
        dropped: [
            Dropped {
                packets: 1204,
                bytes: 1_300_000,
            },
            Dropped {
                packets: 7,
                bytes: 420,
            },
        ],
    }
}

/// The SSH session whose flow this is.
pub fn session_of(flow: &FlowKey) -> OwnSession {
    let [local, remote] = Side::BOTH.map(|side| {
        let address = ends::address(flow, side).unwrap();
        SocketAddr::new(address, ends::port(flow, side).unwrap())
    });
    OwnSession::new(local, remote)
}
