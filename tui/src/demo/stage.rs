//! What one side plays.

use std::io;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::sleep;

/// The acts, which all play at the same time on one thread.
pub struct Stage {
    has_ipv6: bool,
    acts: FuturesUnordered<LocalBoxFuture<'static, ()>>,
}

impl Stage {
    /// An empty stage.
    pub fn new(has_ipv6: bool) -> Self {
        Self {
            has_ipv6,
            acts: FuturesUnordered::new(),
        }
    }

    /// Those of the addresses of a family that works here.
    pub fn able(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
        let able = |address: &IpAddr| address.is_ipv4() || self.has_ipv6;
        addresses.into_iter().filter(able).collect()
    }

    /// The addresses of two hosts that can talk to each other.
    pub fn pairs(&self, from: [IpAddr; 2], to: [IpAddr; 2]) -> Vec<(IpAddr, IpAddr)> {
        self.able(from).into_iter().zip(to).collect()
    }

    /// Adds an act.
    pub fn add(&mut self, act: impl Future<Output = ()> + 'static) {
        self.acts.push(Box::pin(act));
    }

    /// Adds an act that is played again and again, with a pause of random
    /// length between. An act that fails is traffic as well: some are to fail.
    pub fn repeat(
        &mut self,
        pause: Range<u64>,
        mut act: impl AsyncFnMut() -> io::Result<()> + 'static,
    ) {
        self.add(async move {
            loop {
                let _failed = act().await;
                sleep(millis(pause.clone())).await;
            }
        });
    }

    /// Plays until it is dropped or all acts are over.
    pub async fn play(mut self) {
        while self.acts.next().await.is_some() {}
    }
}

/// A random number of milliseconds of a range.
pub fn millis(range: Range<u64>) -> Duration {
    Duration::from_millis(fastrand::u64(range))
}
