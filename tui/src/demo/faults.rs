//! What goes wrong in the demo when it is asked for: faults of known causes
//! that come and go, one after the other, alongside the healthy traffic.

use std::io;
use std::time::Duration;

use anyhow::Context;
use socket2::{SockFilter, SockRef};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use super::stage::{Stage, millis};
use super::{cast, dns, http, tcp, udp};

/// How often each fault comes,
const PERIOD: Duration = Duration::from_secs(120);
/// how long it stays,
const LENGTH: Duration = Duration::from_secs(75);
/// and how long after the one before it begins.
const STEP: Duration = Duration::from_secs(6);

/// A TLS service that the container does not offer.
const CLOSED_TCP_PORT: u16 = 8443;
/// As is SNMP.
const CLOSED_UDP_PORT: u16 = 161;
/// Port of a service that is there but gets no packet.
const SHIELDED_PORT: u16 = 8080;
/// Port of a web server that takes its time.
const SLOW_PORT: u16 = 8081;
/// How long that is, in milliseconds.
const SLOW: std::ops::Range<u64> = 900..1800;

/// When a fault is there.
#[derive(Clone, Copy, Debug)]
struct Season {
    start: Instant,
    /// The place of the fault in the order in which they come.
    number: u32,
}

impl Season {
    /// How long after `elapsed` since the start the fault is there next; zero
    /// while it is.
    fn wait(self, elapsed: Duration) -> Duration {
        let begins = STEP * self.number;
        let Some(since) = elapsed.checked_sub(begins) else {
            return begins - elapsed;
        };
        let phase = Duration::from_secs_f64(since.as_secs_f64() % PERIOD.as_secs_f64());
        if phase < LENGTH {
            Duration::ZERO
        } else {
            PERIOD - phase
        }
    }

    /// Waits until the fault is there.
    async fn come(self) {
        sleep(self.wait(self.start.elapsed())).await;
    }
}

fn seasons() -> impl Fn(u32) -> Season {
    let start = Instant::now();
    move |number| Season { start, number }
}

/// Adds the faults that the container's side causes or suffers.
///
/// # Errors
/// The kernel's.
pub async fn container(stage: &mut Stage) -> anyhow::Result<()> {
    let season = seasons();
    for web in stage.able(cast::WEB) {
        stage.add(tcp::serve(web, SLOW_PORT, answer_late).await?);
        let listener = TcpListener::bind((web, SHIELDED_PORT)).await;
        let listener = listener.and_then(shield).with_context(|| {
            format!("cannot listen on TCP port {SHIELDED_PORT} of {web} in the demo")
        })?;
        stage.add(async move {
            // No connection ever comes; the listener has to stay.
            let _never = listener.accept().await;
        });
    }
    // The resolver cannot reach the servers of that zone.
    let servfail = season(2);
    for (web, resolver) in stage.pairs(cast::WEB, cast::RESOLVER) {
        stage.repeat(500..1500, async move || {
            servfail.come().await;
            dns::look_up(web, resolver, dns::BROKEN).await
        });
    }
    // No syslog is listening there: an ICMP error comes back.
    let syslog = season(3);
    for (web, gateway) in stage.pairs(cast::WEB, cast::GATEWAY) {
        stage.repeat(1500..3000, async move || {
            syslog.come().await;
            udp::send(web, gateway, cast::SYSLOG_PORT, b"<14>web: started").await
        });
    }
    // No host has the address: ARP and NDP requests stay unanswered.
    let nobody = season(5);
    for (files, address) in stage.pairs(cast::FILES, cast::NOBODY) {
        stage.repeat(2000..5000, async move || {
            nobody.come().await;
            tcp::connect(files, address, cast::HTTP_PORT)
                .await
                .map(drop)
        });
    }
    Ok(())
}

/// Adds the faults that others outside cause or suffer.
pub fn outside(stage: &mut Stage) {
    let season = seasons();
    let (refused, shielded, snmp, slow) = (season(0), season(1), season(4), season(6));
    for (scanner, web) in stage.pairs(cast::SCANNER, cast::WEB) {
        stage.repeat(1000..3000, async move || {
            refused.come().await;
            tcp::connect(scanner, web, CLOSED_TCP_PORT).await.map(drop)
        });
        stage.repeat(1500..3000, async move || {
            snmp.come().await;
            udp::send(scanner, web, CLOSED_UDP_PORT, b"?").await
        });
    }
    for (operator, web) in stage.pairs(cast::OPERATOR, cast::WEB) {
        stage.repeat(500..1500, async move || {
            shielded.come().await;
            let attempt = tcp::connect(operator, web, SHIELDED_PORT);
            timeout(Duration::from_secs(8), attempt).await?.map(drop)
        });
        stage.repeat(200..1000, async move || {
            slow.come().await;
            http::visit(operator, web, SLOW_PORT, 1).await
        });
    }
}

/// Lets a socket drop every packet, as a firewall in front of it would do.
fn shield(listener: TcpListener) -> io::Result<TcpListener> {
    // The packet is to be cut to no bytes.
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    SockRef::from(&listener).attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
    Ok(listener)
}

async fn answer_late(stream: TcpStream) -> io::Result<()> {
    sleep(millis(SLOW)).await;
    http::answer(stream).await
}

#[cfg(test)]
mod tests;
