//! Asks for the names of hosts, without anybody waiting for them.

use std::net::IpAddr;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RData};

#[cfg(test)]
mod tests;

/// Questions that are under way at once.
const AT_ONCE: usize = 16;
/// Questions that wait; what is asked beyond is forgotten.
const WAITING: usize = 2_000;

/// An address and its name.
pub type Answer = (IpAddr, Option<String>);

/// How a name is found.
pub trait Lookup {
    /// The name of an address.
    fn name(&self, address: IpAddr) -> BoxFuture<'static, Option<String>>;
}

/// The DNS servers that the system is set up with (resolv.conf(5)), once
/// somebody asks.
#[derive(Default)]
pub struct Dns(std::cell::OnceCell<Option<TokioResolver>>);

impl Lookup for Dns {
    fn name(&self, address: IpAddr) -> BoxFuture<'static, Option<String>> {
        let set_up = || {
            TokioResolver::builder_tokio()
                .and_then(|builder| builder.build())
                .ok()
        };
        let resolver = self.0.get_or_init(set_up).clone();
        async move {
            let answer = resolver?.reverse_lookup(Name::from(address)).await.ok()?;
            answer
                .answers()
                .iter()
                .find_map(|record| match &record.data {
                    RData::PTR(name) => Some(name.0.to_utf8().trim_end_matches('.').to_owned()),
                    _ => None,
                })
        }
        .boxed()
    }
}

/// The questions that are under way and those that wait.
pub struct Questions<L> {
    lookup: L,
    waiting: Vec<IpAddr>,
    asked: FuturesUnordered<BoxFuture<'static, Answer>>,
}

impl<L: Lookup> Questions<L> {
    /// Nothing asked yet.
    pub fn new(lookup: L) -> Self {
        Self {
            lookup,
            waiting: Vec::new(),
            asked: FuturesUnordered::new(),
        }
    }

    /// Asks for the names of addresses; the last are asked for first, because
    /// they are in sight.
    pub fn ask(&mut self, addresses: Vec<IpAddr>) {
        self.waiting.extend(addresses);
        let excess = self.waiting.len().saturating_sub(WAITING);
        self.waiting.drain(..excess);
        self.go_on();
    }

    /// The next answer; never while nothing is asked.
    pub async fn answer(&mut self) -> Answer {
        match self.asked.next().await {
            Some(answer) => {
                self.go_on();
                answer
            }
            None => std::future::pending().await,
        }
    }

    fn go_on(&mut self) {
        while self.asked.len() < AT_ONCE
            && let Some(address) = self.waiting.pop()
        {
            let name = self.lookup.name(address);
            self.asked
                .push(async move { (address, name.await) }.boxed());
        }
    }
}
